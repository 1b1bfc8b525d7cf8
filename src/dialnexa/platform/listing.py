"""The envelope of every list, and where its page lies (contract H.5)."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from dialnexa.kit.pagination import Page

T = TypeVar("T")


class Meta(BaseModel):
    """Where this page lies in the whole list, in the words of both generations of clients."""

    page: int
    limit: int
    total: int
    totalPages: int
    totalItems: int
    itemsPerPage: int
    currentPage: int
    totalIsExact: bool = Field(
        default=True, description="False: counting took too long; there are at least `total`, and always more pages."
    )

    @classmethod
    def of(cls, page: Page, total: int, *, exact: bool = True) -> Meta:
        """Describe a page of a list of ``total`` items, or at least so many."""
        pages = page.pages(total)
        return cls(
            page=page.number,
            limit=page.limit,
            total=total,
            totalPages=pages,
            totalItems=total,
            itemsPerPage=page.limit,
            currentPage=page.number,
            totalIsExact=exact,
        )


class Listing(BaseModel, Generic[T]):
    """The envelope of every list (H.5)."""

    data: list[T]
    meta: Meta


def listing(items: list[T], total: int, page: Page, *, exact: bool = True) -> Listing[T]:
    """Put one page of a list into its envelope."""
    return Listing(data=items, meta=Meta.of(page, total, exact=exact))
