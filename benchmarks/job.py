"""The job of every contender: three debaters with personas, three rounds, and a judge who reads the last words."""

PERSONAS = {"Anna": "a careful mathematician", "Ben": "a doubting physicist", "Cleo": "a practical economist"}
ROUNDS = 3
CALLS, STEPS = 10, 4
"""Model calls of a debate, and how many of them come one after the other."""
QUESTION = """\
A baker makes {n} loaves on Monday and on each following day 6 loaves more than on the day before; one loaf in ten is \
burnt, and every good loaf is sold for 3 coins, while a burnt one costs 1 coin to replace. How many coins has the \
baker earned by the evening of Friday, if the two loaves that are given away each day are counted as sold?"""
RULES = """\
Several experts discuss a question and answer it in turns. Work in small steps, name what you take for granted, and \
check each sum before you build on it. If you disagree with somebody, say with which step and why. Change your answer \
only for a better reason, and never because most of the others say so. Stay under one hundred words, praise nobody, \
and close with the two lines "Answer: ..." and "Confidence: ...".\
"""
