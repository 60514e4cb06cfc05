package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// User is an account: its id and name.
type User = proto.User

// Register makes an account and returns it. It uses only the fields Routes, Name,
// Password, HTTP and RootCAs of cfg. If there is an account of this name with the same
// password, Register returns that account. If the password is another one, the error has
// the code proto.NameTaken.
func Register(ctx context.Context, cfg Config) (User, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return User{}, err
	}
	cfg.Token = ""
	var a proto.RegisterAnswer
	in := proto.RegisterRequest{Name: cfg.Name, Password: cfg.Password}
	if err := newRoutes(cfg).call(ctx, http.MethodPost, proto.PathRegister, in, &a); err != nil {
		return User{}, fmt.Errorf("register: %w", err)
	}
	return User{User: a.User, Name: a.Name}, nil
}

// account logs in, and calls routes with the token of the login.
type account struct {
	cfg    Config
	routes *routes
}

// login gets a node and a ticket from a route, and keeps the new tokens. It uses the token
// if there is one. If the route refuses the token, it uses the password. The parameter
// refused is how often in a row a route refused the login with a request to retry.
func (a *account) login(ctx context.Context, avoid []string, refused int) (proto.LoginAnswer, error) {
	token, password := a.routes.credentials.forLogin()
	in := proto.LoginRequest{Token: token, Device: a.cfg.Device, Avoid: avoid, Repeat: a.cfg.Repeat}
	if in.Token == "" {
		in.User, in.Name = a.cfg.User, a.cfg.Name
		if err := a.prove(ctx, &in, password); err != nil {
			return proto.LoginAnswer{}, fmt.Errorf("log in: %w", err)
		}
	}
	var out proto.LoginAnswer
	begun := time.Now()
	err := a.routes.callAs(ctx, manner{refused: refused}, http.MethodPost, proto.PathLogin, in, &out)
	if codeOf(err) == proto.Unauthorized && in.Token != "" && a.knowsAccount() {
		a.routes.credentials.clear()
		return a.login(ctx, avoid, refused)
	}
	if err != nil {
		return out, fmt.Errorf("log in: %w", err)
	}
	a.routes.credentials.loggedIn(out, begun)
	return out, nil
}

// prove adds the JWT or the password to a login without a token.
func (a *account) prove(ctx context.Context, in *proto.LoginRequest, password string) (err error) {
	if a.cfg.JWT == nil {
		in.Password = password
		return nil
	}
	if in.JWT, err = a.cfg.JWT(ctx); err != nil {
		return fmt.Errorf("get a JWT: %w", err)
	}
	return nil
}

// knowsAccount reports whether the account can log in without a token of a route.
func (a *account) knowsAccount() bool {
	return a.cfg.Name != "" || a.cfg.User != 0 || a.cfg.JWT != nil
}

// call does what callAs does, with the zero manner.
func (a *account) call(ctx context.Context, method, path string, in, out any) error {
	return a.callAs(ctx, manner{}, method, path, in, out)
}

// mostLogins is how often one callAs logs in again because its token was refused.
const mostLogins = 2

// callAs calls a path that needs a token. If routes no longer accept the token, callAs
// gets another one by a login. That is safe, because a login displaces no connection until
// its ticket is used. The code Unauthorized is returned only if the login was refused. If
// routes let the account in but refuse the new token, they do not agree on their keys yet.
// Then the error has the code Unavailable, so that the caller retries.
func (a *account) callAs(ctx context.Context, m manner, method, path string, in, out any) error {
	for logins := 0; ; logins++ {
		used, err := a.show(ctx, m, method, path, in, out)
		switch {
		case codeOf(err) != proto.Unauthorized || !a.knowsAccount():
			return err
		case logins == mostLogins:
			return fmt.Errorf("%w (%v)", proto.Err(proto.Unavailable, "Logins succeed, but their token is not taken."), err)
		}
		if now := a.routes.credentials.bearer(); now == used || now == "" { // the bearer now is empty while another call logs in
			if _, again := a.login(ctx, nil, 0); again != nil {
				return fmt.Errorf("%w (its token is not taken: %v)", again, err) // only the error of the login is wrapped, because it decides whether to retry
			}
		}
	}
}

// mostShown is how many tokens one call tries before it logs in again: two access tokens,
// and the token of the login.
const mostShown = 3

// show calls a path with the access token, or with the token of the login if there is no
// access token. If a route refuses an access token, show tries the next one, and then the
// token of the login. It returns the last one that it used.
func (a *account) show(ctx context.Context, m manner, method, path string, in, out any) (used string, err error) {
	for n := 1; ; n++ {
		if err := a.renew(ctx); err != nil {
			return "", err
		}
		used = a.routes.credentials.bearer()
		err = a.routes.callAs(ctx, m, method, path, in, out)
		if codeOf(err) != proto.Unauthorized || n == mostShown || !a.routes.credentials.refused(used, n > 1) {
			return used, err
		}
	}
}

// insist posts a request again and again until a route accepts or refuses it, or ctx ends.
// The function in the parameter in returns the body of each try. The error wraps
// ErrOutcomeUnknown if ctx ends. It also does so if the last answer did not come from a
// route, but an earlier try may have reached a route.
func (a *account) insist(ctx context.Context, path string, out any, in func() any) error {
	for row, unknown := 0, false; ; row++ {
		err := a.call(ctx, http.MethodPost, path, in(), out)
		if err == nil {
			return nil
		}
		delay, again := retryDelay(err, row)
		if !again {
			if unknown && errors.Is(err, ErrNotRoute) {
				return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
			}
			return err
		}
		unknown = unknown || codeOf(err) == proto.Unknown || errors.Is(err, ErrNoRoute)
		if !retry.Sleep(ctx, max(delay, 50*time.Millisecond)) {
			if codeOf(err) == proto.Limited && !unknown { // nothing is stored
				return fmt.Errorf("%w: %w", err, ctx.Err())
			}
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
	}
}
