"""What the people of the firm use: the people store, and the console that stands on it.

It knows no machine; `compose` fills it.
"""
