"""Words for what the authority answers; the machine itself only knows codes."""

import json

from quanheng.authority.messages import Refusal
from quanheng.compose.authority_desk import Answer

REFUSALS: dict[str, tuple[str, str]] = {
    Refusal.UNKNOWN_PERSON: ("没有此人", "there is no such person"),
    Refusal.UNKNOWN_TARGET: ("没有此目标系统", "there is no such target"),
    Refusal.NOT_IN_OWN_NAME: ("只能以本人名义提出", "a command is proposed in one's own name"),
    Refusal.NUMBER_REUSED: ("编号已用于另一提案", "the number stands for another proposal"),
    Refusal.UNKNOWN_PARAMETER: ("没有此参数", "there is no such parameter"),
    Refusal.WRONG_POST: (
        "此人不在有权办理的岗位上（或未签到）",
        "the person is not on duty on a post that may do this",
    ),
    Refusal.WRONG_CLASS: (
        "此人无权交易该品种，或该岗位不分品种",
        "the person may not trade this class, or the post has no classes",
    ),
    Refusal.TOO_MANY: ("待复核或全日提案过多", "too many proposals"),
    Refusal.UNKNOWN_PROPOSAL: ("没有此提案", "there is no such proposal of this person"),
    Refusal.SAME_PERSON: ("经办与复核不得为同一人", "nobody seconds his or her own proposal"),
    Refusal.NOT_OPEN: ("提案已不待复核", "the proposal is no longer open"),
}
"""(Chinese, English) of every code."""

_FORMS = {
    "refused": ("提案 {n} 被拒绝：{code}，{words}", "proposal {n} refused: {code}, {words}"),
    "pending": (
        "提案 {n} 待复核：{act}，需 {posts} 复核，{until} 前有效",
        "proposal {n} pending: {act}, to be seconded by {posts} before {until}",
    ),
    "issued": ("提案 {n} 已下达：{act}", "proposal {n} issued: {act}"),
    "withdrawn": ("提案 {n} 已撤回：{act}", "proposal {n} withdrawn: {act}"),
    "expired": ("提案 {n} 已过期：{act}", "proposal {n} expired: {act}"),
    "recorded": ("已补记：{what}", "recorded: {what}"),
}


def words_of(code: str, language: str) -> str:
    """Words of a refusal code, "" for none."""
    return REFUSALS[code][language == "en"] if code else ""


def told(answer: Answer, language: str) -> str:
    """An answer as lines for a person: what expired, what became of the request, what went out."""
    english = language == "en"
    lines = [
        f"proposal {number} expired" if english else f"提案 {number} 已过期"
        for number in answer.expired
    ]
    lines.append(
        _FORMS[answer.status][english].format(
            n=answer.proposal,
            code=answer.code,
            words=words_of(answer.code, language),
            act=answer.act,
            posts=("or " if english else "或 ").join(f"{post} " for post in answer.posts).strip(),
            until=answer.until,
            what=answer.recorded,
        )
    )
    for line in answer.issued:
        body = json.dumps(line["body"], ensure_ascii=False)
        lines.append(f"{line['target']} <- #{line['proposal']} {body} {line['msgpack']}")
    return "\n".join(lines)
