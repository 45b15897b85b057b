"""What a figure says of itself: above the plot, and to those who do not see it."""


def headline(figure):
    return figure["layout"]["title"]["text"]


def reading(figure):
    return figure["layout"]["meta"]["reading"]
