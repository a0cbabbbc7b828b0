"""PLACEHOLDER"""

import re

_R = re.compile(r"^(?:@\S+\s*)?(收到|明白|好的|执行|1|ok|OK|\+1|已阅)+[!！。,，谢谢]*$")


def is_receipt(text):
    return bool(_R.match(text.strip()))


def is_notice(text):
    return bool(re.match(r"\s*【?(通知|公告|通告|启事)[】:：]", text)) or "特此通知" in text


def asks_reply(text):
    return bool(re.search(r"(收到)?请(大家)?(回复|接龙)|收到请回|阅后回复", text)) and not waives_reply(text)


def waives_reply(text):
    return bool(re.search(r"(无需|不用|不必|免)(逐一)?回复", text))


def is_question(text):
    return bool(re.search(r"(吗|没有|呢|么)?[?？]\s*$", text))


def instructs(text):
    return bool(re.search(r"(点|日|号|前|周.)前?.{0,6}(交|报|备|完成|提交|发)", text)) or bool(
        re.search("备材料", text)
    )
