"""Facts become timetables: the job that plans, and the planning core."""
