"""Syllables of made-up names; commoner ones stand more than once."""

from typing import Final

SURNAMES: Final = (
    "李李李王王张张刘刘刘陈陈陈杨周周黄黄吴胡胡朱高林何郭马罗罗谭谭"
    "彭彭曾曾邓邓肖肖唐唐易易"
    "许韩冯曹蒋沈袁欧贺龙文汤尹向田石廖姚段毛宋谢夏戴范熊邹左"
)
MALE_GIVEN: Final = (
    "伟强磊军勇杰涛明超辉鹏浩宇轩博文俊峰志国建华林飞龙斌波凯健翔晨阳睿哲子涵瑞泽嘉诚毅远山江海湘"
)
FEMALE_GIVEN: Final = (
    "芳娜敏静丽娟艳玲桂英秀兰霞红梅燕萍雪琳慧倩婷颖怡佳雨欣梓涵诗梦瑶思语嫣岚洁莹月晴若楠紫薇"
)
ETHNIC_GROUPS: Final = ("01",) * 118 + ("15",) * 4 + ("06",) * 2 + ("12", "13", "03", "08")
"""128 GB/T 3304 codes: mostly Han, then the groups of Hunan."""
