"""Words for opposites, by stem: chosen from the antonyms of WordNet 3.0 that its tagged texts have, and their synonyms.

G. A. Miller, "WordNet: a lexical database for English", Communications of the ACM 38, 1995. A word and its negation by
a prefix (``possible``, ``impossible``) need no row.
"""

from __future__ import annotations

from functools import cache

from ..terms import Analyser

_PAIRS = """
increase increased rise rose risen grow grew grown raise gain enhance boost elevate upregulate expand
 | decrease decreased reduce fall fell fallen decline drop dropped shrink shrank lower diminish downregulate contract
high higher highest tall | low lower lowest
large larger largest big bigger great greater major huge | small smaller smallest little minor tiny lesser
more | less fewer
many numerous most | few fewer
much | little
long longer longest | short shorter shortest brief
old older oldest ancient | new newer newest young younger youngest modern
first 1st initial | last final
early earlier earliest | late later latest
before precede preceding | after follow following
above over upper | below under lower beneath
north northern | south southern
east eastern | west western
northeast northeastern | southwest southwestern
northwest northwestern | southeast southeastern
left leftmost | right rightmost
inside internal interior inner within in into | outside external exterior outer
front forward | back backward rear
top | bottom
up upward | down downward
near close closer | far distant farther
win won winner beat defeated | lose lost loser
victory | defeat loss
begin began begun start started commence opening launch
 | end ended finish finished stop stopped cease conclude closing
open opened | close closed shut
enter arrive come came | leave left exit depart go went
buy bought purchase | sell sold
import imported | export exported
include included | exclude excluded omit
allow allowed permit permitted let enable legal
 | forbid forbidden prohibit prohibited ban banned prevent deny denied disallow illegal disable
require required mandatory compulsory obligatory necessary must | optional voluntary unnecessary
accept accepted approve approved admit | reject rejected refuse refused decline deny
agree | disagree
support supported favour favor back endorse | oppose opposed resist
attack | defend
love like | hate dislike
remember | forget forgot
activate activated stimulate induce promote | inhibit inhibited suppress block deactivate prevent
cause | prevent
accelerate speed | decelerate slow delay
strengthen | weaken
strong stronger strongest | weak weaker weakest
good better best well | bad worse worst poorly badly
improve improved improvement | worsen worsened deteriorate deterioration
positive positively | negative negatively
true truly | false falsely
right correct | wrong incorrect
same identical alike | different differ distinct
similar | different dissimilar
public | private
present presence | absent absence lack
alive live living survive survived | dead die died
birth born | death died
success succeed succeeded successful | failure fail failed
rich wealthy richest wealth | poor poorest poverty
cheap cheaper inexpensive | expensive costly
hot warm hotter warmer | cold cool colder cooler
wet | dry
light lighter bright | dark heavy heavier
heavy heavier | light lighter
fast faster quick quickly rapid rapidly | slow slower slowly
easy easier simple simply easily | difficult hard harder complex complicated
wide wider broad | narrow narrower
deep deeper | shallow
thick | thin
full | empty
hard | soft
clean | dirty
safe safety secure | dangerous danger unsafe
common frequent frequently often | rare uncommon rarely infrequent seldom
usually generally always often | never rarely seldom
always | never sometimes
sometimes | always never
all every | none some few
both | neither
everyone everybody everything | nobody nothing
majority | minority
maximum maximal | minimum minimal
single one | multiple several many double
male man men boy | female woman women girl
father son brother husband uncle king | mother daughter sister wife aunt queen
active actively | passive inactive passively
temporary | permanent
domestic national native local | foreign international
urban city | rural countryside
religious | secular
natural | artificial synthetic
automatic automatically | manual manually
synchronous | asynchronous
physical | mental
primary main chief principal | secondary
direct directly | indirect indirectly
acute | chronic
benign | malignant
horizontal | vertical
solid | liquid gas
peace peaceful | war warlike
friend ally allied | enemy foe
guilty | innocent
host | parasite
employer | employee
day daytime | night nighttime
month monthly monat monatlich mois mensuel mes mensual mese mensile mês mensal maand maandelijks месяц
 | year yearly annual annually jahr jährlich an année annuel año anual anno annuo ano jaar jaarlijks год
week weekly woche wöchentlich semaine semana settimana неделю
 | month monthly monat monatlich mois mes mese mês maand месяц year yearly jahr an année año anno ano jaar год
day daily tag täglich jour día giorno dia dag день
 | week weekly woche semaine semana settimana неделю month monthly monat mois mes mese mês maand месяц year yearly
hour hourly stunde heure hora ora uur час | day daily tag jour día giorno dia dag день
summer | winter
morning | evening
black | white
north | south
add added addition | remove removed subtract removal
create created build built construct constructed establish established found founded
 | destroy destroyed abolish abolished demolish dissolve dissolved
keep kept retain retained | discard lose delete deleted
connect connected join joined unite united | disconnect separate separated divide divided
push | pull
send sent | receive received
give gave | take took
lend | borrow
teach | learn
ask question | answer
hide hidden | show shown reveal revealed
encourage | discourage
attract | repel
absorb | emit
float | sink
ascend climb | descend
appear | disappear vanish
arrive | depart
conservative | liberal
democratic | republican
upstream | downstream
ancient | modern
vowel | consonant
hero | villain
theoretical | practical empirical
offensive | defensive
superior | inferior
senior | junior
professional | amateur
military | civilian
central | peripheral
vertical | horizontal
sweet | bitter sour
visible | hidden invisible
mutable | immutable
half | double twice whole
double twice | half
without | with
against | for
despite | because
only | also
"""
_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "mis", "de", "anti")
_SHORTEST = 4
"""Letters of a word that a prefix negates: ``able`` of ``unable``, but not ``to`` of ``into``."""


@cache
def _analyser() -> Analyser:
    return Analyser()


@cache
def stem(word: str) -> str:
    """Return an English word's stem, of a stop word the word."""
    return next(iter(_analyser().terms(word)), word.lower())


@cache
def _opposites() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for row in _PAIRS.strip().replace("\n |", " |").splitlines():
        one, other = ({stem(word) for word in side.split()} for side in row.split("|"))
        for here, there in ((one, other), (other, one)):
            for each in here:
                table.setdefault(each, set()).update(there - here)
    return {each: frozenset(others) for each, others in table.items()}


def opposed(one: frozenset[str], other: frozenset[str]) -> tuple[str, str] | None:
    """Return a pair of stems, one of each set, that say the opposite; None if there is none."""
    table = _opposites()
    for each in sorted(one):
        if found := table.get(each, frozenset()) & other:
            return each, min(found)
    return next(((a, b) for a in sorted(one) for b in sorted(other) if _negates(a, b) or _negates(b, a)), None)


def _negates(word: str, other: str) -> bool:
    rests = (word.removeprefix(prefix) for prefix in _PREFIXES if word.startswith(prefix))
    return len(other) >= _SHORTEST and any(
        len(rest) >= _SHORTEST and (other.startswith(rest) or rest.startswith(other)) for rest in rests
    )
