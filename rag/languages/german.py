"""German."""

from __future__ import annotations

from .rules import Rules, listed, one_of, words_asking

_WHICH = r"welche[rsnm]?"
_PERSON = (
    "mann frau mensch person könig königin kaiser präsident präsidentin kanzler autor autorin dichter maler "
    "schauspieler sänger wissenschaftler physiker trainer spieler politiker komponist erfinder gründer architekt"
)
_PLACE = (
    "stadt land ort ortes bundesland staat region kontinent insel fluss straße hauptstadt bezirk kanton gemeinde dorf"
)
_TIME = "jahr jahre jahres jahrhundert monat tag datum epoche zeit zeitraum jahreszeit uhrzeit jahrzehnt"
_NUMBER = "anzahl zahl höhe länge größe fläche temperatur geschwindigkeit menge alter entfernung einwohnerzahl gewicht"

GERMAN = Rules(
    "de",
    asking=words_asking(
        "was welche welcher welches welchen welchem wer wen wem wessen wann wo woher wohin warum wieso weshalb "
        "wie ist sind war waren hat haben hatte hatten wird werden wurde wurden"
    ),
    function_words=listed(
        "der die das den dem des ein eine einen einem einer eines und oder aber doch denn wenn weil dass ob als wie in "
        "im an am auf aus bei beim mit nach von vom zu zum zur über unter vor für gegen ohne um bis seit durch ich du "
        "er sie es wir ihr mich mir dich dir ihn ihm uns euch sich mein dein sein seine seinen seiner seinem ihre "
        "ihren ihrer ihrem unser dieser diese dieses diesen diesem jener jene kein keine keinen nicht nur auch noch "
        "schon sehr so da dort hier dann ist sind war waren bin bist wird werden wurde wurden worden hat haben hatte "
        "hatten kann können konnte muss müssen soll sollen darf dürfen will wer wen wem wessen was wann wo warum wieso "
        "weshalb woher wohin welche welcher welches welchen welchem man gibt es davon dazu damit darin dafür mehr"
    ),
    abbreviations=listed(
        "hr hrn fr frl prof dr dipl ing med phil jur hl st vgl bzw ca inkl exkl evtl ggf bspw insb bes sog zzgl abzgl "
        "geb gest verh rd max min ugs dt engl frz lat griech österr schweiz allg urspr z.b d.h u.a i.d.r o.ä u.u v.a "
        "mwst gen gebr fa nördl südl östl westl"
    ),
    before_number=listed(
        "abs nr nrn art abb tab kap bd bde s seite jh jg ziff ziffer aufl anm str tel kl hg vers z zl pos lfd anl anh"
    ),
    before_number_endings=("str",),
    may_end=listed(
        "usw etc str jh mio mrd tsd std min sek jan feb aug sept okt nov dez mo di mi do fr sa so ff hrsg hg e.v "
        "n.chr v.chr chr zt tl abt bhf"
    ),
    starters=listed(
        "der die das den dem des ein eine einen er sie es wir ich ihr man dies diese dieser dieses in im am an auf aus "
        "bei beim mit nach von vom zu zum zur über unter vor für gegen ohne um bis seit durch als wenn weil da dann "
        "danach dort hier heute später so auch aber doch und oder jedoch deshalb daher darum dabei damit außerdem "
        "allerdings zudem trotzdem während nachdem obwohl alle viele einige mehrere beide jeder kein keine nicht wer "
        "was wann wo warum wie welche sein seine ihre nur noch schon bitte"
    ),
    ordinal=r"\b(?:der|die|das|dem|den|des|am|im|vom|zum|zur|beim|bis|ab|seit|jede[rsmn]?|seine[nmr]?|ihre[nmr]?)\s\Z",
    kinds={
        "money": r"\bwie ?viel(?: \w+)?(?: geld\b| kost\w+|.*\b(?:euro|dollar|franken)\b)|\bwas kost\w+"
        r"|\bwie teuer\b|\bwelche[rsnm]? (?:preis|betrag|budget|umsatz|gewinn|gehalt)\b",
        "percent": rf"\bwie ?viele? prozent\b|\b{_WHICH} (?:prozentsatz|anteil)\b|\bwie hoch ist der anteil\b",
        "time": rf"\bwann\b|\b{_WHICH} (?:{'|'.join(_TIME.split())})\b|\bum wie ?viel uhr\b",
        "person": rf"\b(?:wer|wen|wem|wessen)\b|\b{_WHICH} (?:\w+ )?(?:{'|'.join(_PERSON.split())})\b",
        "place": rf"\bwo(?:hin|her)?\b|\b{_WHICH} (?:\w+ )?(?:{'|'.join(_PLACE.split())})\b",
        "reason": r"\b(?:warum|weshalb|wieso|weswegen|wozu)\b|\baus welche[mn] gr(?:und|ünden)\b",
        "number": r"\bwie ?viele?\b|\bwie (?:hoch|lang|lange|groß|gross|alt|weit|schwer|tief|schnell|oft|breit|häufig"
        rf"|warm|heiß|kalt|dick|stark|laut)\b|\b{_WHICH} (?:{'|'.join(_NUMBER.split())})\b",
        "manner": r"\b(?:wie|wodurch|womit|auf welche weise)\b",
        "definition": r"\bwas (?:ist|sind|bedeutet|bedeuten|heißt)(?: (?:ein|eine|der|die|das|mit))?(?: [^\s?]+){1,2} ?\?"
        r"*\Z|\bwas versteht man unter\b",
        "thing": rf"\bwas\b|\b{_WHICH}\b|\bwo(?:raus|rin|rauf|ran|rüber|von|für|bei|nach)\b",
        "yesno": r"\A\W*(?:ist|sind|war|waren|hat|haben|hatte|kann|können|darf|dürfen|muss|müssen|soll|sollte|gibt|gab"
        r"|wird|werden|wurde|wurden|stimmt)\b",
    },
    clues={
        "time": one_of(
            r"\d{4} januar februar märz april mai juni juli august september oktober november dezember jahr jahre "
            "jahren jahrhundert jahrhunderts jahrzehnt montag dienstag mittwoch donnerstag freitag samstag sonntag "
            "frühling sommer herbst winter heute gestern morgen abend mittag mitternacht uhr seit"
        ),
        "number": one_of(
            r"\d.* ein eine zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreißig vierzig fünfzig "
            "hundert tausend million millionen milliarde milliarden dutzend halb hälfte einmal zweimal mehrere kein keine"
        ),
        "money": one_of(r"\d.* € \$ euro cent dollar franken mark pfund million millionen milliarden"),
        "percent": one_of(r"\d.* % prozent hälfte drittel viertel fünftel mehrheit anteil"),
        "reason": one_of(
            "weil denn da deshalb daher darum wegen aufgrund dadurch ursache grund gründe folge damit um führte geführt"
        ),
        "manner": one_of("durch mit mittels indem per über verfahren methode prozess verwendet verwenden befehl"),
        "definition": one_of("ist sind war bezeichnet nennt genannt heißt bedeutet versteht definiert"),
    },
    defining_words=listed("ist sind war waren bedeutet bezeichnet"),
    lists=r"\A\s*(?:welche \w+e[nrs]?\b.{0,80}\b(?:sind|gibt|waren|werden)|was sind|nenne|liste|zähle)\b",
    leans=r"\A(?:(?:Jedoch|Daher|Deshalb|Außerdem|Zudem|Dann|Später|Aber|Und|Also),? )?(?:er|sie|es|ihm|ihn|ihr|ihre[rnms]?"
    r"|sein|seine[rnms]?|dies|diese[rsnm]?|solche[rsnm]?|dessen|deren|dabei|damit|dadurch|dafür|daran|darin|davon|dazu)\b",
    impersonal=r"\Aes (?:ist|war|wird|gibt|gab|kann|muss|handelt)\b",
    points=r"\b(?:er|ihn|ihm|dessen|deren|davon|dazu|daf[üu]r|damit|daran|darin|dar[üu]ber|dabei|dagegen|daraus|dorthin"
    r"|dort|ersterer?|letzterer?)\b|\b(?:sie|ihre[rnms]?|sein|seine[rnms]?)\b|\b(?:diese[rsnm]?|solche[rsnm]?)\b"
    r"|\b(?<!gibt )(?<!gab )(?<!ist )(?<!geht )es\b(?! (?:gibt|ist|war|möglich|nötig|sinnvoll|erlaubt|viele|einen?|keine?)\b)",
    opens=r"\A\s*(?:und|aber|also|oder|dann|danke|okay|ok|gut|ja|nein)\b[\s,;.!]*",
    half=r"\A\s*(?:was ist mit|wie (?:sieht|steht|ist) es (?:mit|bei|in)|warum(?: nicht)?\W*\Z|wieso\W*\Z|und (?:in|für|bei"
    r"|mit|von|was|wo|wann|wer|warum)\b|mehr dazu|erzähl mehr|(?:in|für|bei|mit|von|auf) [^?]{1,40}\?\Z)",
)
