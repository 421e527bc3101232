"""``GET /v3/account``."""

from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.replies import Reply


def show(call: Call) -> Reply:
    settings = call.account.settings
    return Reply(
        200,
        {
            "organization_id": f"{call.account.id:024x}",
            "user_id": call.account.id,
            "enterprise": settings.plan == "extended",
            "companyName": "Local Brevo",
            "email": "owner@example.com",
            "firstName": "Local",
            "lastName": "Brevo",
            "address": {
                "street": "456 Business Ave",
                "city": "New York",
                "zipCode": "10001",
                "country": "United States",
            },
            "plan": [
                {
                    "type": "free" if settings.plan == "general" else "subscription",
                    "credits": settings.credits,
                    "creditsType": "sendLimit",
                }
            ],
            # Version 5 of the SDK has dropped it; the published description requires it.
            "dateTimePreferences": {
                "timezone": "UTC",
                "timeFormat": "24",
                "dateFormat": "yyyy-mm-dd",
            },
            "relay": {
                "enabled": False,
                "data": {
                    "port": 587,
                    "relay": "smtp-relay.example.com",
                    "userName": "owner@example.com",
                },
            },
            "marketingAutomation": {"enabled": False},
        },
    )
