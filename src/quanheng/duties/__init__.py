"""Market-making duties measured: per event (`measure`), per day (`day`), graded per period
(`period`, `grade`), and the public dataset they are read from (`dataset`, `rating`).

Sources: rules.md 10 and 11, duty_dataset.md, guide chapters 3 to 5; requirements Q-01..Q-08 and
E-01..E-07. Everything is exact: integers while measuring, fractions while grading.
"""
