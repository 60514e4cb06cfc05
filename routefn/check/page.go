package check

import (
	"net/url"
	"strconv"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
)

// MaxPage is the largest number of users in a page. A page has defaultPage users if the
// caller names no limit.
const (
	MaxPage     = 1000
	defaultPage = 100
)

// A Page selects a part of a list of users that is sorted by id.
type Page struct {
	After  int64  // the page has users with higher ids than this one
	Limit  int    // how many users at most
	Prefix string // only users whose names begin with it; empty: all
}

// ParsePage reads a page from the query of a request.
func ParsePage(q url.Values) (Page, error) {
	p := Page{Limit: defaultPage, Prefix: q.Get("prefix")}
	var err error
	if s := q.Get("after"); s != "" {
		if p.After, err = proto.ParseNumber(s); err != nil || p.After < 0 {
			return Page{}, Invalid("The id to begin after is not a user id.")
		}
	}
	if s := q.Get("limit"); s != "" {
		if p.Limit, err = strconv.Atoi(s); err != nil || p.Limit < 1 || p.Limit > MaxPage {
			return Page{}, Invalid("A page has 1 to 1000 users.")
		}
	}
	if !utf8.ValidString(p.Prefix) || utf8.RuneCountInString(p.Prefix) > maxName {
		return Page{}, Invalid("The prefix is not the beginning of a name.")
	}
	return p, nil
}

// Values returns the query from which ParsePage would read this page.
func (p Page) Values() url.Values {
	v := url.Values{"after": {strconv.FormatInt(p.After, 10)}, "limit": {strconv.Itoa(p.Limit)}}
	if p.Prefix != "" {
		v.Set("prefix", p.Prefix)
	}
	return v
}
