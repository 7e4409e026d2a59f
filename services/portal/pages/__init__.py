"""The portal's pages, one module for each role; they work without any script."""

from services.portal.pages import coordinator, employer, school, sending, signing

routers = (signing.router, employer.router, school.router, coordinator.router, sending.router)
