"""Generated parts of docs/zh about people: posts, rights, acts, pages of the console."""

from collections.abc import Callable

from desk_pages import table
from quanheng.authority.policy import RULES
from quanheng.desk.assets import read_words
from quanheng.desk.file_access import ROLES
from quanheng.desk.people.rules import FIRM_VIEWS, VIEW_WORDS, VIEWS, read_rules
from zh_blocks import words

YES, NO = "●", ""
_DEPARTMENTS = {"market_making": "做市业务部门", "company": "公司"}


def _posts() -> list[tuple[str, str]]:
    return [(one.post, one.words) for one in read_rules().posts]


def posts_block() -> str:
    """Posts with what holds for their holders."""
    lines = {"no": "不得兼任其他业务条线", "warn": "不宜兼任其他业务条线", "yes": "不限"}
    rows = []
    for one in read_rules().posts:
        where = _DEPARTMENTS[one.department]
        backup = "主岗、备岗" if one.required else "按需"
        alone = "是" if one.alone else "见不相容岗位"
        rows.append((one.words, f"`{one.post}`", where, backup, alone, lines[one.other_lines]))
    return table(("岗位", "代码", "所属", "须设", "不得兼岗", "其他业务条线"), rows)


def incompatible_block() -> str:
    """Pairs of posts that one person may not hold."""
    known = dict(_posts())
    rows = [
        (f"{known[one.posts[0]]}、{known[one.posts[1]]}", one.why)
        for one in read_rules().incompatible
    ]
    return table(("不得由一人兼任", "理由"), rows)


def views_block() -> str:
    """Views by post, the firm's ones after an account's."""
    posts = [one for one in read_rules().posts if one.views or one.firm_views]
    rows = []
    for name, text in VIEW_WORDS.items():
        if name not in (*VIEWS, *FIRM_VIEWS):
            continue
        cells = [YES if name in (*one.views, *one.firm_views) else NO for one in posts]
        where = "账户" if name in VIEWS else "公司"
        rows.append((f"{text} `{name}`", where, *cells))
    return table(("查看权", "范围", *(one.words for one in posts)), rows)


def commands_block() -> str:
    """Commands of the people store and the registers by post."""
    posts = [one for one in read_rules().posts if one.firm_commands]
    names = list(dict.fromkeys(name for one in posts for name in one.firm_commands))
    said = words("acts.toml")["commands"]
    rows = [
        (f"{said.get(name, '')} `{name}`", *(YES if name in one.firm_commands else NO
                                             for one in posts))
        for name in names
    ]  # fmt: skip
    return table(("操作权", *(one.words for one in posts)), rows)


def acts_block() -> str:
    """Who proposes and who seconds each act of the authority."""
    known, said = dict(_posts()), read_words()
    rows = [
        (
            f"{said[f'act.{rule.act}'][0]} `{rule.act}`",
            "、".join(known[one] for one in rule.proposers),
            "、".join(known[one] for one in rule.seconders) or "无须复核",
            "是" if rule.on_duty else "否",
        )
        for rule in RULES
    ]
    return table(("行为", "经办", "复核", "须在岗"), rows)


def sessions_block() -> str:
    """Passwords and sessions of both kinds of persons."""
    rules = read_rules()
    word, session = rules.passwords, rules.sessions
    rows = [
        ("密码最短长度", f"{word.admin_length} 位", f"{word.length} 位"),
        ("密码有效期", f"{word.admin_days} 天", f"{word.days} 天"),
        ("空闲", f"{session.admin_idle_min} 分钟后终止",
         f"{session.idle_min} 分钟后只可查看，不可操作"),
        ("会话最长", f"{session.admin_hours} 小时", f"{session.hours} 小时"),
        ("不得重复的历史密码", f"{word.remembered} 个", f"{word.remembered} 个"),
        ("连续错误锁定", f"{word.fails} 次锁定 {word.lock_min} 分钟",
         f"{word.fails} 次锁定 {word.lock_min} 分钟"),
        ("权限定期检查", f"每 {rules.review_days} 天", f"每 {rules.review_days} 天"),
        ("申请未确认失效", f"{rules.request_hours} 小时", f"{rules.request_hours} 小时"),
        ("一次性口令有效", f"{rules.enrol_hours} 小时", f"{rules.enrol_hours} 小时"),
        ("长期未登录列入检查", f"{rules.dormant_days} 天", f"{rules.dormant_days} 天"),
    ]  # fmt: skip
    return table(("项目", "管理员", "其他人员"), rows)


def pages_block() -> str:
    """Pages and commands of the console by role, as a file of people gives them."""
    known, said, page = dict(_posts()), words("acts.toml")["console"], read_words()
    pages = list(dict.fromkeys(name for views, _ in ROLES.values() for name in views))
    does = list(dict.fromkeys(name for _, more in ROLES.values() for name in more))
    rows = [
        (f"页面：{page[f'page.{name}'][0]}", *(YES if name in views else NO
                                                  for views, _ in ROLES.values()))
        for name in pages
    ]  # fmt: skip
    rows += [
        (f"操作：{said.get(name, name)}", *(YES if name in more else NO
                                                    for _, more in ROLES.values()))
        for name in does
    ]  # fmt: skip
    return table(("控制台", *(known[role] for role in ROLES)), rows)


_KEYS = {
    "f9": "F9", "f8": "F8", "f2": "F2", "f4": "F4", "alt": "Alt+1 至 Alt+9", "arrows": "↑ ↓ ← →",
    "brackets": "[ 与 ]", "enter": "Enter", "space": "空格", "o": "O", "digits": "0 至 9 与 .",
}  # fmt: skip


def keys_block() -> str:
    """The console's keys."""
    said = read_words()
    return table(("键", "作用"), [(key, said[f"keys.{name}"][0]) for name, key in _KEYS.items()])


PEOPLE_BLOCKS: dict[str, Callable[[], str]] = {
    "posts": posts_block,
    "incompatible": incompatible_block,
    "views": views_block,
    "commands": commands_block,
    "acts": acts_block,
    "sessions": sessions_block,
    "pages": pages_block,
    "keys": keys_block,
}
