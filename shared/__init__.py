"""What more than one service needs: events, topics, envelope, outbox and inbox, database, broker, settings, logging."""
