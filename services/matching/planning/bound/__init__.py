"""The certified bound on the students that any timetable can cover; prices alone, which guide the search, load no solver."""
