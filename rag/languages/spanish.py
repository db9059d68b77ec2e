"""Spanish."""

from __future__ import annotations

from .rules import Rules, listed, one_of, words_asking

_WHICH = r"(?:qu[ée]|cu[áa]l(?:es)? (?:es|era|fue|son|fueron) (?:el|la|los|las))"
_PERSON = (
    "persona hombre mujer rey reina emperador presidente presidenta autor autora escritor pintor actor actriz cantante "
    "científico jugador entrenador político compositor inventor fundador arquitecto director"
)
_PLACE = "ciudad país lugar estado región provincia continente isla río calle capital barrio municipio pueblo sitio"
_TIME = "año años fecha día mes siglo época hora década periodo período momento"
_NUMBER = "altura edad longitud tamaño superficie temperatura velocidad cantidad número distancia población peso total"

SPANISH = Rules(
    "es",
    # With their accents: without, they are conjunctions.
    asking=words_asking(
        "qué cuál cuáles quién quiénes cuándo dónde adónde cómo cuánto cuánta cuántos cuántas "
        "es son era eran fue fueron ha han hay"
    ),
    function_words=listed(
        "el la los las un una unos unas lo al del de en a y e o u pero si sino que como con sin por para sobre entre "
        "hasta desde hacia contra durante según yo tú él ella ello ellos ellas nosotros usted ustedes me te se nos le "
        "les mi mis tu tus su sus nuestro este esta esto estos estas ese esa eso esos esas aquel aquella no ni ya muy "
        "más menos también solo sólo así aquí ahí allí entonces es son era eran fue fueron ser está están ha han hay "
        "había puede pueden debe qué cuál cuáles quién quiénes cuándo dónde adónde cómo cuánto cuánta cuántos cuántas "
        "por porque cuando donde quien cual otro otra otros otras mismo misma"
    ),
    abbreviations=listed(
        "sr sra srta sres sras dr dra dres prof profa d dña lic ing arq gral cnel sgto mons fr sta sto san excmo excma "
        "ilmo ilma ud uds vd vds av avda dpto depto ed aprox p.ej ee rr ff cía hnos núm máx mín"
    ),
    before_number=listed(
        "núm no nº pág págs p pp vol vols cap caps art arts fig figs tel s sec lám ley n km c ref tabla"
    ),
    may_end=listed("etc uu hh aa ej s.a s.l c.v ee.uu ene feb mar abr may jun jul ago sept oct nov dic cía a.c d.c"),
    starters=listed(
        "el la los las un una unos unas lo él ella ellos ellas esto este esta estos estas ese esa eso esos aquel en a "
        "al de del con sin por para sobre entre hasta desde hacia según durante si cuando donde como aunque porque "
        "mientras después antes luego entonces también además sin así ahora hoy más no ya pero y o su sus se le les hay "
        "es son fue fueron era está cada todo toda todos muchos algunos otro otra qué quién cuándo dónde cómo cuánto"
    ),
    kinds={
        "money": r"\bcu[áa]nto (?:cuesta|cuestan|cost[óo]|vale|valen|dinero|se (?:paga|pag[óo])|pag[óo]|paga|gana|gan[óo]"
        rf"|cobra)|\b{_WHICH} (?:precio|coste|costo|presupuesto|sueldo|salario|ingreso|ingresos)\b",
        "percent": rf"\b{_WHICH} (?:porcentaje|proporci[óo]n|parte)\b|\bcu[áa]nto por ciento\b",
        "time": rf"\bcu[áa]ndo\b|\b{_WHICH} (?:{'|'.join(_TIME.split())})\b",
        "person": rf"\b(?:a |de |con )?qui[ée]n(?:es)?\b|\b{_WHICH} (?:\w+ )?(?:{'|'.join(_PERSON.split())})\b",
        "place": rf"\b(?:a)?d[óo]nde\b|\b{_WHICH} (?:\w+ )?(?:{'|'.join(_PLACE.split())})\b",
        "reason": rf"\bpor ?qu[ée]\b|\b{_WHICH} (?:raz[óo]n|motivo|causa)\b|\ba qu[ée] se debe\b",
        "number": rf"\bcu[áa]nt[oa]s?\b|\b{_WHICH} (?:{'|'.join(_NUMBER.split())})\b|\bqu[ée] tan\b",
        "manner": r"\bc[óo]mo\b|\bde qu[ée] (?:manera|forma|modo)\b",
        "definition": r"\A\W*qu[ée] (?:es|son|significa)(?: (?:un|una|el|la|los|las))?(?: [^\s?]+){1,2} ?\?*\Z",
        "thing": r"\b(?:qué|cuál|cuáles)\b|\A\W*(?:(?:en|de|a|con|por|para|desde) )?(?:que|cual|cuales)\b",
        "yesno": r"\A\W*(?:es|son|era|fue|est[áa]n?|hay|puede|pueden|puedo|podemos|debe|debo|tiene|tienen|existe|existen"
        r"|ha|han|se puede)\b",
    },
    clues={
        "time": one_of(
            r"\d{4} enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre año años "
            "siglo siglos década lunes martes miércoles jueves viernes sábado domingo primavera verano otoño invierno "
            "hoy ayer mañana tarde noche mediodía medianoche desde"
        ),
        "number": one_of(
            r"\d.* un una dos tres cuatro cinco seis siete ocho nueve diez once doce veinte treinta cuarenta cincuenta "
            "cien ciento mil millón millones docena mitad doble vez veces varios ninguno cero"
        ),
        "money": one_of(r"\d.* € \$ euro euros dólar dólares peso pesos peseta pesetas libra libras millón millones"),
        "percent": one_of(r"\d.* % ciento porciento mitad tercio cuarto tercera cuarta mayoría porcentaje"),
        "reason": one_of(
            "porque pues ya debido causa causas razón motivo gracias consecuencia tanto para evitar resultado"
        ),
        "manner": one_of("mediante con usando utilizando través por medio método proceso usa utiliza ejecuta comando"),
        "definition": one_of("es son era fue llama llamado llamada denomina significa define conocido consiste"),
    },
    defining_words=listed("es son era eran fue significa consiste"),
    lists=r"\A\W*(?:cu[áa]les (?:son|eran|fueron)|qu[ée] \w+s\b|enumera|nombra|lista)\b",
    leans=r"\A(?:(?:Sin embargo|Por (?:eso|tanto)|Además|Después|Luego|Entonces|Pero|Y|También),? )?(?:él|ella|ellos|ellas"
    r"|ello|este|esta|esto|estos|estas|ese|esa|eso|esos|esas|aquel|aquella|su|sus|dicho|dicha|dichos|dichas)\b",
    impersonal=r"\A(?:esto|eso) (?:es|significa) (?:posible|necesario|importante)\b",
    points=r"\b(?:él|ella|ellos|ellas|ello|esto|eso|aquello|allí|ahí|su|sus|suyo|dicho|dicha|dichos|dichas)\b"
    r"|\b(?:este|esta|estos|estas|ese|esa|esos|esas|aquel|aquella) \w+|\b(?:lo|la|los|las|le|les) (?=\w+(?:ó|aron|ieron|aba"
    r"|ía|o|a|e)\b\W*\Z)",
    opens=r"\A\W*(?:y|pero|entonces|o|gracias|vale|ok|bien|s[íi]|no)\b[\s,;.!]*",
    half=r"\A\W*(?:(?:y )?qu[ée] (?:hay|pasa|tal) (?:de|con)\b|y (?:en|de|para|con|si|el|la|los|las|su|sus|cu[áa]ndo|d[óo]nde"
    r"|qui[ée]n|por qu[ée]|c[óo]mo)\b|por ?qu[ée](?: no)?\W*\Z|cu[ée]ntame m[áa]s|(?:en|para|de|con) [^?]{1,40}\?\Z)",
)
