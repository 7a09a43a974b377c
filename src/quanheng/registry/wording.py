"""Words of what the exchange publishes of a rating (E-05 to E-10): codes and their Chinese."""

REASONS = {
    "VOL_UP": "成交量上调",
    "VOL_DOWN": "成交量下调",
    "RFQ_DOWN": "回应报价不足下调",
    "LETTER_1": "书面监管函下调",
    "LETTERS_D": "多次书面监管函降为D",
    "LOWERED": "本所调低",
    "PENALTY_D": "处罚或处分降为D",
    "CAP_A": "月度有D，最高为A",
    "CAP_B": "月度有D，最高为B",
    "UNDER_3_MONTHS": "做市不满3个月",
    "YEAR_D": "年度评价为D",
    "LAST_20": "年度得分末位20%",
}
CLAUSES = {
    "9-2-1-fail": "第九章二（一）：6个月中2个月未达到做市要求",
    "9-2-1-a": "第九章二（一）：连续6个月未获得过A评级",
    "9-2-2": "第九章二（二）：指定合约连续未达到做市要求",
    "9-2-3": "第九章二（三）：单个品种年度排名末位20%",
    "9-3-4": "第九章三（四）：全部品种年度排名均处于末位20%",
    "5-6-3": "第五章六（三）：受到行政处罚或纪律处分",
}
LEVELS = {"amber": "关注", "red": "预警", "met": "可以取消"}
MEASURES = {"letter": "书面监管函", "penalty": "行政处罚或纪律处分", "lowering": "调低评价结果"}
KINDS = {"primary": "主做市商", "general": "一般做市商"}
ALL = "全部品种"
STEP_WORDS = {
    "applied": "收到申请", "incomplete": "材料须补正", "accepted": "受理（材料齐备）",
    "reviewed": "审核意见", "granted": "决定同意", "refused": "不予同意", "agreement": "协议",
    "admitted": "取得做市资格", "supplement": "补充协议", "ended": "主动终止",
    "cancelled": "取消做市资格", "announced": "向市场公告",
}  # fmt: skip
