"""English: its grammar of questions is in `rag.extractive.question_type` and `rag.rewriting.dependence`."""

from __future__ import annotations

from .rules import Rules, listed, words_asking

ENGLISH = Rules(
    "en",
    asking=words_asking("what which who whom whose when where why how do does did has have had were been"),
    function_words=listed(
        "a an the and or but if then than as at by for from in into of on to with about after before i me my you your "
        "he him his she her it its we us our they them their this that these those who whom whose which what when "
        "where why how is are was were be been do does did has have had can could will would should not there"
    ),
    defining_words=listed("is are was were means refers denotes describes"),
)
