package client

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	// renewEarly is how long before its end an access token is renewed.
	renewEarly = 30 * time.Second
	// renewPause is how long a client waits after it could not renew. Meanwhile it uses
	// the token of the login, so that an overloaded route gets no more requests to renew.
	renewPause = 30 * time.Second
)

// credentials has the tokens and the password that a client sends to routes. Their
// methods may be called concurrently.
type credentials struct {
	renewing chan struct{} // of size 1: full while a refresh token is used

	mu       sync.Mutex
	password string
	token    string    // for logins, and for requests while there is no access token
	access   string    // for requests, until the time in until
	until    time.Time // on this machine's clock
	refresh  string    // the refresh token, which gets the next access token, once
	pause    time.Time // refresh is not used before this time, by this machine's clock
}

func newCredentials(cfg Config) *credentials {
	return &credentials{renewing: make(chan struct{}, 1), token: cfg.Token, password: cfg.Password}
}

// bearer returns the token for a request, or an empty string.
func (c *credentials) bearer() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		return c.access
	}
	return c.token
}

// forLogin returns the token and the password.
func (c *credentials) forLogin() (token, password string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token, c.password
}

func (c *credentials) setPassword(password string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.password = password
}

// loggedIn keeps the tokens of a login. A route of an earlier version sends only the
// token for logins.
func (c *credentials) loggedIn(a proto.LoginAnswer, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = a.Token
	c.renewedLocked(proto.RefreshAnswer{Access: a.Access, AccessSeconds: a.AccessSeconds, Refresh: a.Refresh}, at)
}

// clear forgets all tokens.
func (c *credentials) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = ""
	c.renewedLocked(proto.RefreshAnswer{}, time.Time{})
}

// renewedLocked keeps the tokens in the answer to a request that was made at the given
// time.
func (c *credentials) renewedLocked(a proto.RefreshAnswer, at time.Time) {
	c.access, c.refresh = a.Access, a.Refresh
	c.until = at.Add(time.Duration(a.AccessSeconds)*time.Second - renewEarly)
}

// refused reports whether a request may be repeated with another token after this token
// was refused. A refused access token is not used again. It may have ended early, because
// this machine's clock stands still while the machine sleeps. If an access token that was
// just made is refused, routes may not agree on their keys. Then the token of the login is
// used for a while.
func (c *credentials) refused(token string, justMade bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if token == c.access {
		c.until = time.Time{}
		if justMade {
			c.pause = time.Now().Add(renewPause)
		}
	}
	return token != c.token
}

// due returns the refresh token if the access token has to be renewed.
func (c *credentials) due() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Before(c.until) || now.Before(c.pause) {
		return ""
	}
	return c.refresh
}

// renew renews the access token if that is due. One call at a time renews it, because the
// refresh token may be used only once. It returns an error only if the session was ended
// because somebody has a copy of the refresh token. After any other failure, requests use
// the token of the login while there is no access token.
func (a *account) renew(ctx context.Context) error {
	c := a.routes.credentials
	if c.due() == "" {
		return nil
	}
	select {
	case c.renewing <- struct{}{}:
		defer func() { <-c.renewing }()
	case <-ctx.Done():
		return nil // the request ends by itself
	}
	refresh := c.due()
	if refresh == "" {
		return nil // another call was faster
	}
	var out proto.RefreshAnswer
	begun := time.Now()
	err := a.routes.call(ctx, http.MethodPost, proto.PathRefresh, proto.RefreshRequest{Refresh: refresh}, &out)
	ended := codeOf(err) == proto.SessionEnded
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refresh != refresh {
		return nil // a login has brought other tokens meanwhile
	}
	switch {
	case err == nil:
		c.renewedLocked(out, begun)
	case codeOf(err).Retry() == proto.RetryNever:
		c.renewedLocked(proto.RefreshAnswer{}, time.Time{}) // the next login brings new tokens
	case ctx.Err() == nil:
		c.pause = time.Now().Add(renewPause)
	}
	if ended {
		return err
	}
	return nil
}
