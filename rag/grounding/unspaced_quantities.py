"""Numbers with multiples, units and bounds as Chinese, Japanese and Korean write them, put in the words for them.

There nothing parts a number from its unit, nor the unit from the next word: 500万円以上 is "at least 5000000 yen".
"""

from __future__ import annotations

import re
from decimal import Decimal

_MULTIPLES = {
    "百": 10**2, "千": 10**3, "천": 10**3, "万": 10**4, "萬": 10**4, "만": 10**4,
    "亿": 10**8, "億": 10**8, "억": 10**8, "兆": 10**12, "조": 10**12,
}  # fmt: skip
_UNITS = {
    written: word
    for word, forms in {
        "percent": "パーセント 퍼센트 프로",
        "celsius": "摄氏度 攝氏度",
        "degrees": "度 도",
        "seconds": "秒钟 秒鐘 秒間 秒 초",
        "minutes": "分钟 分鐘 分間 분",
        "hours": "个小时 個小時 小时 小時 時間 시간",
        "days": "天 日間 일간",
        "weeks": "个星期 個星期 星期 周 週間 주",
        "months": "个月 個月 か月 ヶ月 カ月 개월",
        "years": "年間 年间 年 년",
        "km": "公里 千米 キロメートル 킬로미터",
        "cm": "厘米 公分 センチメートル センチ 센티미터",
        "mm": "毫米 ミリメートル ミリ 밀리미터",
        "metres": "米 メートル 미터",
        "mg": "毫克 ミリグラム 밀리그램",
        "kg": "公斤 千克 キログラム キロ 킬로그램",
        "g": "克 グラム 그램",
        "tons": "吨 噸 トン 톤",
        "ml": "毫升 ミリリットル 밀리리터",
        "litres": "升 リットル 리터",
        "dollars": "美元 美金 ドル 달러",
        "euros": "欧元 歐元 ユーロ 유로",
        "pounds": "英镑 英鎊 ポンド 파운드",
        "yen": "日元 日圓 円 엔",
        "won": "韩元 韓元 ウォン 원",
        "yuan": "人民币 元 块钱 위안",
    }.items()
    for written in forms.split()
}
_LONGEST_FIRST = sorted(_UNITS, key=len, reverse=True)
_MULTIPLIED = re.compile(rf"(?<![\d.,])(?:\d{{1,15}}(?:\.\d{{1,9}})?\s?[{''.join(_MULTIPLES)}]){{1,6}}\d{{0,15}}(?!\d)")
_PART = re.compile(rf"(\d{{1,15}}(?:\.\d{{1,9}})?)\s?([{''.join(_MULTIPLES)}]?)")
_MEASURED = re.compile(rf"(\d)\s?({'|'.join(_LONGEST_FIRST)})")
_BEFORE = re.compile(
    r"(?:(?P<less>不到|少于|少於|低于|低於|不足|不超过|不超過|至多|最多|小于|小於|최대|最大)"
    r"|(?P<more>超过|超過|多于|多於|高于|高於|至少|不低于|不低於|不少于|不少於|大于|大於|최소|最低)"
    r"|(?P<minus>负|負|零下|マイナス|영하)|(?P<percent>百分之))\s?(?=\d)"
)
_AFTER = re.compile(
    r"(?<=[\da-z%])\s?(?:(?P<more>以上|を超え|超|이상|을 넘|를 넘|초과)"
    r"|(?P<less>以下|以内|以內|未満|未满|未滿|이하|미만))"
)
_SIGNS = {"less": " less than ", "more": " more than ", "minus": " -", "percent": " percent "}
_SIGNS_AFTER = {"less": " or less ", "more": " or more "}
_SCRIPT = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_PERCENT = re.compile(r" percent (\d{1,15}(?:\.\d{1,9})?)")


def spelt_out(text: str) -> str:
    """Return a text with such numbers multiplied, and their units and bounds in English words.

    Examples
    --------
    >>> spelt_out("家賃は500万円以上")
    '家賃は5000000 yen or more '
    """
    if not _SCRIPT.search(text):
        return text
    text = _MULTIPLIED.sub(_sum, text)
    text = _MEASURED.sub(lambda found: f"{found[1]} {_UNITS[found[2]]} ", text)
    text = _BEFORE.sub(lambda found: _SIGNS[found.lastgroup or ""], text)
    text = _PERCENT.sub(r" \1 percent ", text)
    return _AFTER.sub(lambda found: _SIGNS_AFTER[found.lastgroup or ""], text)


def _sum(found: re.Match[str]) -> str:
    total = sum((Decimal(part[1]) * _MULTIPLES.get(part[2], 1) for part in _PART.finditer(found[0])), Decimal(0))
    return f"{total.normalize():f}"
