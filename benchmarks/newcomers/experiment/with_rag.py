from pipelines.experiments import Experiment, Measure, run


class ShortFirst:
    name = "short-first"

    def score(self, question: str, passages, *, deadline=None) -> list[float]:
        return [-len(passage.text) for passage in passages]


def missed(row) -> int:
    return len(row.relevant - set(row.context))


vary = {"chunker": ("headings:256/32", "tokens:128/16"), "rerank": ("none", ShortFirst())}
tried = Experiment(
    corpus=("docs/how-to",), questions="questions.jsonl", vary=vary, measure=Measure(metrics=(missed, "RR"))
)
result = run(tried, "results")
for row in result.leaderboard():
    print(row.name, row.metrics["missed"].value, row.metrics["RR"].value, result.comparisons.get(row.name))
