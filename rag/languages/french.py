"""French."""

from __future__ import annotations

from .rules import Rules, listed, one_of, words_asking

_WHICH = r"quel(?:le)?s?(?: (?:est|était|fut|sont|étaient))?(?: (?:le|la|les))?"
_OF_WHICH = rf"\b{_WHICH}(?: |l['’])"
_PERSON = (
    "personne homme femme roi reine empereur président présidente auteur écrivain peintre acteur actrice chanteur "
    "scientifique joueur entraîneur politicien compositeur inventeur fondateur architecte directeur réalisateur"
)
_PLACE = "ville pays lieu état région département province continent île fleuve rivière rue capitale quartier commune village"
_TIME = "année années date jour mois siècle époque heure décennie période moment saison"
_NUMBER = (
    "hauteur âge longueur taille superficie température vitesse quantité nombre distance population poids profondeur"
)

FRENCH = Rules(
    "fr",
    asking=words_asking(
        "qui que quoi quel quelle quels quelles quand où comment pourquoi combien est sont était étaient a ont"
    ),
    function_words=listed(
        "le la les un une des du de d au aux à en et ou mais si que qui quoi dont où comme avec sans par pour sur sous "
        "entre vers chez dans depuis pendant contre je tu il elle on nous vous ils elles me te se lui leur leurs eux mon "
        "ma mes ton ta tes son sa ses notre nos votre vos ce cet cette ces ceci cela ça ne pas plus moins très aussi "
        "ainsi ici là alors donc est sont était étaient fut être a ont avait y quel quelle quels quelles quand comment "
        "pourquoi combien c'est qu'est-ce qu'est est-ce autre autres même mêmes peut peuvent doit faut"
    ),
    abbreviations=listed(
        "m mm mme mmes mlle mlles mgr dr drs pr prof me ste st av boul bd env cf p.ex ex éd apr ms hab "
        "gén col cap lt adj sgt min max"
    ),
    before_number=listed("no n nº art fig figs p pp chap vol t tél réf ch § pl tab sect env av bd"),
    may_end=listed("etc janv févr avr juil sept oct nov déc j.-c j.c cie s.a s.a.r.l ex suiv"),
    starters=listed(
        "le la les un une des du de au aux il elle on nous vous ils elles je tu ce cet cette ces cela ça c'est en à dans "
        "sur sous avec sans par pour entre vers chez depuis pendant si quand comme lorsque puisque après avant puis "
        "ensuite alors donc ainsi mais et ou or car cependant toutefois aussi enfin aujourd'hui son sa ses leur leurs "
        "tous toute toutes chaque plusieurs certains qui que quel quelle où comment pourquoi combien"
    ),
    kinds={
        "money": rf"\bcombien (?:coûte|coûtent|coûta|a coûté|vaut|valent|gagne|paie|d['’]argent)|{_OF_WHICH}"
        r"(?:prix|coût|budget|salaire|montant|tarif|revenu|revenus)\b",
        "percent": rf"{_OF_WHICH}(?:pourcentage|proportion|part)\b|\bquel pour cent\b",
        "time": rf"\bquand\b|{_OF_WHICH}(?:{'|'.join(_TIME.split())})\b",
        "person": rf"(?<!est-ce )(?<!ce )\b(?:à |de |par |avec )?qui\b|{_OF_WHICH}(?:\w+ )?(?:{'|'.join(_PERSON.split())})\b",
        "place": rf"\bo[ùu] (?!(?:bien|non)\b)|\bd['’]où\b|{_OF_WHICH}(?:\w+ )?(?:{'|'.join(_PLACE.split())})\b",
        "reason": rf"\bpourquoi\b|{_OF_WHICH}(?:raison|raisons|cause|causes|motif)\b",
        "number": rf"\bcombien\b|{_OF_WHICH}(?:{'|'.join(_NUMBER.split())})\b",
        "manner": r"\bcomment\b|\bde quelle (?:manière|façon)\b",
        "definition": r"\bqu['’]est-ce qu(?:e|['’]) ?(?:(?:un|une|le|la|les|l['’]|c['’]est que) ?)?(?:[^\s?]+ ?){1,2} ?\?*\Z"
        r"|\bque (?:signifie|veut dire)\b",
        "thing": r"\b(?:que|quoi|quel|quelle|quels|quelles|lequel|laquelle|lesquels)\b|\bqu['’]",
        "yesno": r"\A\W*(?:est-ce qu|y a-t-il|peut-on|faut-il|\w+-(?:t-)?(?:il|elle|on|ils|elles|vous|je)\b)",
    },
    clues={
        "time": one_of(
            r"\d{4} janvier février mars avril mai juin juillet août septembre octobre novembre décembre an ans année "
            "années siècle siècles décennie lundi mardi mercredi jeudi vendredi samedi dimanche printemps été automne "
            "hiver aujourd'hui hier demain matin soir midi minuit depuis"
        ),
        "number": one_of(
            r"\d.* un une deux trois quatre cinq six sept huit neuf dix onze douze vingt trente quarante cinquante cent "
            "cents mille million millions milliard milliards douzaine moitié double fois plusieurs aucun zéro"
        ),
        "money": one_of(r"\d.* € \$ euro euros dollar dollars franc francs livre livres million millions milliards"),
        "percent": one_of(r"\d.* % pourcent pour moitié tiers quart majorité pourcentage"),
        "reason": one_of("parce car puisque cause causes raison raisons grâce afin donc suite dû due éviter résultat"),
        "manner": one_of("par avec en grâce moyen méthode procédé processus utilise utilisant utiliser commande"),
        "definition": one_of("est sont était fut appelle appelé appelée nommé désigne signifie définit consiste"),
    },
    defining_words=listed("est sont était étaient fut désigne signifie consiste"),
    lists=r"\A\W*(?:quel(?:le)?s (?:sont|étaient)|quel(?:le)?s \w+s\b|énumère[zr]?|cite[zr]?|liste[zr]?)",
    leans=r"\A(?:(?:Cependant|Donc|Ainsi|De plus|Puis|Ensuite|Alors|Mais|Et|Toutefois|Aussi),? )?(?:il|elle|ils|elles|ce|cet"
    r"|cette|ces|cela|ceci|celui-ci|celle-ci|ceux-ci|son|sa|ses|leur|leurs|lui|ça|c['’]est|c['’]était)\b",
    impersonal=r"\Ail (?:y a|faut|est (?:possible|nécessaire|important|recommandé)|existe|s['’]agit|convient)\b",
    points=r"(?<!a-t-)(?<!faut-)(?<!est-)(?<!existe-t-)\b(?:il|ils)\b(?! (?:y a|faut|existe|est possible)\b)|\b(?:elle|elles"
    r"|lui|leur|leurs|celui|celle|ceux|cela|ceci|ça|son|sa|ses|là-bas)\b|\b(?:ce|cet|cette|ces) (?!que\b|qui\b)\w+"
    r"|\ben (?:est|sont|a|parle|fait)\b",
    opens=r"\A\W*(?:et|mais|donc|alors|ou|merci|d['’]accord|ok|bien|oui|non)\b[\s,;.!]*",
    half=r"\A\W*(?:(?:et )?qu['’]en est-il|et (?:en|au|aux|pour|de|du|à|dans|si|le|la|les|l['’]|son|sa|ses|quand|où|qui"
    r"|pourquoi|comment|avec)\b|pourquoi(?: pas)?\W*\Z|dis(?:-m|m)['’]en plus|(?:en|au|pour|à|dans|avec) [^?]{1,40}\?\Z)",
    elided=r"\A(?:qu|jusqu|lorsqu|puisqu|[ldjmtsnc])['’]",
)
