"""Variants of ``broken_service.py``, by the name that is its argument."""

from mutants.table import Table

SERVICES = Table(
    AnyToken=["test_token_without_access_is_refused"],
    WideCookie=["test_cookies_stay_with_the_service"],
    TrustsAnyState=["test_oauth_state_is_checked"],
    ShowsItsEnvironment=["test_own_token_is_not_shown"],
    KnowsItsPrefix=["test_prefix_of_the_service"],
    LandsAtHome=[
        "test_oauth_login",
        "test_page_knows_the_user",
        "test_users_are_told_apart",
        "test_logout_of_the_hub_ends_the_session",
        "test_prefix_of_the_service",
    ],
    Anonymous=[
        "test_page_needs_a_login",
        "test_page_knows_the_user",
        "test_users_are_told_apart",
        "test_user_without_access_is_refused",
        "test_token",
        "test_token_without_access_is_refused",
        "test_unknown_token_is_refused",
        "test_revoked_token_is_refused",
        "test_logout_of_the_hub_ends_the_session",
        "test_cookies_stay_with_the_service",
        "test_oauth_state_is_checked",
    ],
)
