package check

import (
	"net/url"
	"strconv"
	"unicode/utf8"
)

// MaxPage is the most users in a page, defaultPage how many one has by default.
const (
	MaxPage     = 1000
	defaultPage = 100
)

// A Page names some users of a list that is sorted by id.
type Page struct {
	After  int64  // the id before the first one
	Limit  int    // how many at most
	Prefix string // of their names
}

// ParsePage reads a page from the query of a request.
func ParsePage(q url.Values) (Page, error) {
	p := Page{Limit: defaultPage, Prefix: q.Get("prefix")}
	var err error
	if s := q.Get("after"); s != "" {
		if p.After, err = strconv.ParseInt(s, 10, 64); err != nil || p.After < 0 {
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

// Values is the query that ParsePage reads the page from.
func (p Page) Values() url.Values {
	v := url.Values{"after": {strconv.FormatInt(p.After, 10)}, "limit": {strconv.Itoa(p.Limit)}}
	if p.Prefix != "" {
		v.Set("prefix", p.Prefix)
	}
	return v
}
