"""The laboratory (实验室测试): protocol scripts, and the sides they can be played against."""
