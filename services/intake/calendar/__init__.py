"""When there is school: a hub's open days, recurrences, and the windows that are left of what people say."""
