"""Units of quantities in text, by the words and signs for them: a kind, and how many of the kind's base unit one is.

A table, and not ``quantulum3``: that unpickles a classifier, takes 5.5 s to import and overlooks raised digits.
"""

from __future__ import annotations

from decimal import Decimal

from .words import listed

_TABLE: dict[str, list[tuple[int | Decimal, str]]] = {
    "percent": [(1, ("% percent pct percentage prozent % ％ ٪ percento procent процент процента процентов "
        "процентах процентам")), (Decimal("0.1"), "‰")],
    "degree": [(1, ("° degree degrees grad degré degrés grado grados gradi graus graden grader градус градуса "
        "градусов градусах"))],
    "celsius": [(1, "°c celsius centigrade ℃")],
    "fahrenheit": [(1, "°f fahrenheit ℉")],
    "kelvin": [(1, "kelvin kelvins")],
    "angle": [(1, "rad radian radians")],
    "minute of arc": [(1, "′ arcminute arcminutes"), (Decimal(1) / 60, "″ arcsecond arcseconds")],
    "time": [
        (Decimal("0.001"), "ms millisecond milliseconds"),
        (1, ("s sec secs second seconds sekunde sekunden seconde secondes segundo segundos secondo secondi "
            "seconden секунда секунды секунд")),
        (60, "min mins minute minutes minuten minuto minutos minuti минута минуты минут"),
        (3600, "h hr hrs hour hours stunde stunden heure heures hora horas ora ore uur uren час часа часов"),
        (86400, "day days tag tage tagen jour jours día días giorno giorni dia dias dag dagen день дня дней"),
        (604800, ("week weeks woche wochen semaine semaines semana semanas settimana settimane weken неделя "
            "недели недель")),
    ],
    "month": [
        (1, "month months monat monate monaten mois mes meses mese mesi mês maand maanden месяц месяца месяцев"),
        (12, ("yr yrs year years jahr jahre jahren an ans année années año años anno anni ano anos jaar jaren "
            "год года лет")),
        (120, "decade decades"),
        (1200, "century centuries"),
    ],
    "length": [
        (Decimal("1e-9"), "nm nanometre nanometres nanometer nanometers"),
        (Decimal("1e-6"), "µm μm micrometre micrometres micrometer micrometers micron microns"),
        (Decimal("0.001"), "mm millimetre millimetres millimeter millimeters мм"),
        (Decimal("0.01"), "cm centimetre centimetres centimeter centimeters zentimeter см"),
        (1, "metre metres meter meters metern mètre mètres metro metros metri м метр метра метров"),
        (1000, ("km kms kilometre kilometres kilometer kilometers kilomètres kilómetros chilometro chilometri "
            "quilómetros quilômetros км километр километра километров")),
        (Decimal("1609.344"), "mi mile miles"),
        (Decimal("0.3048"), "ft foot feet"),
        (Decimal("0.0254"), "inch inches"),
        (Decimal("0.9144"), "yd yard yards"),
    ],
    "mass": [
        (Decimal("1e-6"), "µg μg mcg microgram micrograms"),
        (Decimal("0.001"), "mg milligram milligrams milligramme milligrammes"),
        (1, "g gram grams gramme grammes gramm grammo grammi gramos gramas г грамм граммов"),
        (1000, ("kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes kilogramm chilo chili chilogrammi "
            "кг килограмм килограммов")),
    ],
    "ton": [(1, "t ton tons tonne tonnes")],
    "pound": [(1, "lb lbs pound pounds £ gbp")],
    "ounce": [(1, "oz ounce ounces")],
    "volume": [
        (Decimal("0.001"), "ml millilitre millilitres milliliter milliliters"),
        (1, "l litre litres liter liters"),
        (Decimal("3.785411784"), "gallon gallons"),
    ],
    "area": [
        (10000, "ha hectare hectares"),
        (Decimal("4046.8564224"), "acre acres"),
        (1, "m² m2"),
        (1000000, "km² km2 sqkm"),
    ],
    "speed": [(1, "km/h kmh kph"), (Decimal("1.609344"), "mph")],
    "dollar": [
        (1, "$ usd us$ dollar dollars dólar dólares dollaro dollari доллар доллара долларов"),
        (Decimal("0.01"), "cent cents"),
    ],
    "euro": [(1, "€ eur euro euros евро")],
    "yen": [(1, "¥ jpy yen")],
    "yuan": [(1, "yuan cny rmb renminbi юань юаня юаней")],
    "won": [(1, "₩ won krw")],
    "rouble": [(1, "₽ rub rouble roubles ruble rubles рубль рубля рублей руб")],
    "rupee": [(1, "₹ inr rupee rupees")],
    "byte": [
        (1, "byte bytes"),
        (1000, "kb kilobyte kilobytes"),
        (10**6, "mb megabyte megabytes"),
        (10**9, "gb gigabyte gigabytes"),
        (10**12, "tb terabyte terabytes"),
    ],
    "frequency": [(1, "hz hertz"), (1000, "khz kilohertz"), (10**6, "mhz megahertz"), (10**9, "ghz gigahertz")],
    "power": [
        (1, "w watt watts"),
        (1000, "kw kilowatt kilowatts"),
        (10**6, "megawatt megawatts"),
        (10**9, "gw gigawatt gigawatts"),
    ],
    "voltage": [(1, "v volt volts")],
}  # fmt: skip
UNITS = {
    word: (kind, Decimal(factor))
    for kind, rows in _TABLE.items()
    for factor, words in rows
    for word in sorted(listed(words))
}
"""Word or sign, in lower case -> kind, factor."""
CURRENCIES = "$€£¥₹₩₽"
MORE_GENERAL = {"celsius": "degree", "fahrenheit": "degree"}
"""A document's degrees of a scale are degrees; a claim's degrees without a scale are not degrees of one."""
MULTIPLES = {
    word: Decimal(factor)
    for factor, words in (
        (12, "dozen"), (10**2, "hundred"), (10**3, "k thousand tausend mille mil mila duizend тысяча тысячи тысяч тыс"),
        (10**6, ("mn mio million millions millionen millones millón milhões milione milioni miljoen миллион "
            "миллиона миллионов млн")),
        (10**9, ("bn billion billions mrd milliarden milliard milliards miliardo miliardi miljard миллиард "
            "миллиарда миллиардов млрд")), (10**12, "trillion trillions"),
    )
    for word in words.split()
}  # fmt: skip
"""What a word after a figure multiplies it by."""
AMBIGUOUS = {"m": (("length", Decimal(1)), ("time", Decimal(60)), ("", Decimal(10**6)))}
"""80m: metres, minutes or millions."""
MONTHS = {
    word: name
    for name, words in {
        "January": "january jan januar janvier enero", "February": "february feb februar février febrero",
        "March": "march mar märz mars marzo", "April": "april apr avril abril", "May": "may mai mayo",
        "June": "june jun juni juin junio", "July": "july jul juli juillet julio", "August": "august aug août agosto",
        "September": "september sep sept septembre septiembre", "October": "october oct oktober octobre octubre",
        "November": "november nov novembre noviembre", "December": "december dec dezember décembre diciembre",
    }.items()
    for word in words.split()
}  # fmt: skip
"""Word -> English name."""
