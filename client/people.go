package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/cim-go/cim/proto"
)

// Page is one page of the connected users, by ascending id.
type Page = proto.OnlineAnswer

// Online returns the connected users whose names begin with the given prefix, by ascending
// id. It reads the next page from the route whenever the iteration needs it. An error ends
// the iteration. Users who come or go meanwhile may be missed.
func (c *Client) Online(ctx context.Context, prefix string) iter.Seq2[User, error] {
	return pages(func(after int64) ([]User, int64, error) {
		page, err := c.OnlinePage(ctx, prefix, after, 0)
		return page.Users, page.Next, err
	})
}

// OnlinePage returns at most limit connected users whose names have the prefix, with ids
// above the parameter after. If limit is zero, the route chooses it.
func (c *Client) OnlinePage(ctx context.Context, prefix string, after int64, limit int) (Page, error) {
	q := url.Values{}
	if prefix != "" {
		q.Set("prefix", prefix)
	}
	setPage(q, after, limit)
	var page Page
	if err := c.account.call(ctx, http.MethodGet, proto.PathOnline+"?"+q.Encode(), nil, &page); err != nil {
		return Page{}, fmt.Errorf("list online users: %w", err)
	}
	return page, nil
}

// UserByName returns the account with the name. The error has the code
// proto.UnknownUser if there is none.
func (c *Client) UserByName(ctx context.Context, name string) (User, error) {
	return c.user(ctx, "name", name)
}

// UserByID returns the account with the id. The error has the code
// proto.UnknownUser if there is none.
func (c *Client) UserByID(ctx context.Context, id int64) (User, error) {
	return c.user(ctx, "id", strconv.FormatInt(id, 10))
}

func (c *Client) user(ctx context.Context, key, value string) (User, error) {
	var u User
	q := url.Values{key: {value}}
	if err := c.account.call(ctx, http.MethodGet, proto.PathUser+"?"+q.Encode(), nil, &u); err != nil {
		return User{}, fmt.Errorf("look up user %s: %w", value, err)
	}
	return u, nil
}

// setPage adds the place before a page (after) and its largest size (limit) to a query. It
// omits an argument that is zero, and then the route chooses.
func setPage(q url.Values, after int64, limit int) {
	if after > 0 {
		q.Set("after", strconv.FormatInt(after, 10))
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
}
