"""Units of quantities in text, by the words and signs for them: a kind, and how many of the kind's base unit one is.

A table, and not ``quantulum3``: that unpickles a classifier, takes 5.5 s to import and overlooks raised digits.
"""

from __future__ import annotations

from decimal import Decimal

from .words import listed

_TABLE: dict[str, list[tuple[int | Decimal, str]]] = {
    "percent": [(1, "% percent pct percentage prozent % ％ ٪"), (Decimal("0.1"), "‰")],
    "degree": [(1, "° degree degrees grad degré degrés grado grados gradi graus")],
    "celsius": [(1, "°c celsius centigrade ℃")],
    "fahrenheit": [(1, "°f fahrenheit ℉")],
    "kelvin": [(1, "kelvin kelvins")],
    "angle": [(1, "rad radian radians")],
    "minute of arc": [(1, "′ arcminute arcminutes"), (Decimal(1) / 60, "″ arcsecond arcseconds")],
    "time": [
        (Decimal("0.001"), "ms millisecond milliseconds"),
        (1, "s sec secs second seconds sekunde sekunden seconde secondes segundo segundos"),
        (60, "min mins minute minutes minuten minuto minutos"),
        (3600, "h hr hrs hour hours stunde stunden heure heures hora horas"),
        (86400, "day days tag tage tagen jour jours día días"),
        (604800, "week weeks woche wochen semaine semaines semana semanas"),
    ],
    "month": [
        (1, "month months monat monate monaten mois mes meses"),
        (12, "yr yrs year years jahr jahre jahren an ans année années año años"),
        (120, "decade decades"),
        (1200, "century centuries"),
    ],
    "length": [
        (Decimal("1e-9"), "nm nanometre nanometres nanometer nanometers"),
        (Decimal("1e-6"), "µm μm micrometre micrometres micrometer micrometers micron microns"),
        (Decimal("0.001"), "mm millimetre millimetres millimeter millimeters"),
        (Decimal("0.01"), "cm centimetre centimetres centimeter centimeters zentimeter"),
        (1, "metre metres meter meters metern mètre mètres metro metros"),
        (1000, "km kms kilometre kilometres kilometer kilometers kilomètres kilómetros"),
        (Decimal("1609.344"), "mi mile miles"),
        (Decimal("0.3048"), "ft foot feet"),
        (Decimal("0.0254"), "inch inches"),
        (Decimal("0.9144"), "yd yard yards"),
    ],
    "mass": [
        (Decimal("1e-6"), "µg μg mcg microgram micrograms"),
        (Decimal("0.001"), "mg milligram milligrams milligramme milligrammes"),
        (1, "g gram grams gramme grammes gramm"),
        (1000, "kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes kilogramm"),
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
    "dollar": [(1, "$ usd us$ dollar dollars"), (Decimal("0.01"), "cent cents")],
    "euro": [(1, "€ eur euro euros")],
    "yen": [(1, "¥ jpy yen")],
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
CURRENCIES = "$€£¥₹"
MORE_GENERAL = {"celsius": "degree", "fahrenheit": "degree"}
"""A document's degrees of a scale are degrees; a claim's degrees without a scale are not degrees of one."""
MULTIPLES = {
    word: Decimal(factor)
    for factor, words in (
        (12, "dozen"), (10**2, "hundred"), (10**3, "k thousand tausend mille mil"),
        (10**6, "mn mio million millions millionen millones millón milhões"),
        (10**9, "bn billion billions mrd milliarden milliard milliards"), (10**12, "trillion trillions"),
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
