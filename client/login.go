package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
)

// User is an account: its id and name.
type User = proto.User

// Register makes an account and returns it. Of cfg it reads Routes, Name,
// Password and HTTP. An account that exists with the same password is returned;
// with another password the error has the code proto.NameTaken.
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
	return User(a), nil
}

// account logs in and calls routes as the one who is logged in.
type account struct {
	cfg    Config
	routes *routes
}

// login asks for a node, with the token while that is taken, else with the
// password. It keeps the new token. It was told to come again so often before.
func (a *account) login(ctx context.Context, avoid []string, refused int) (proto.LoginAnswer, error) {
	in := proto.LoginRequest{Token: a.routes.bearer(), Device: a.cfg.Device, Avoid: avoid, Repeat: a.cfg.Repeat}
	if in.Token == "" {
		in.User, in.Name, in.Password = a.cfg.User, a.cfg.Name, a.cfg.Password
	}
	var out proto.LoginAnswer
	err := a.routes.callAs(ctx, manner{refused: refused}, http.MethodPost, proto.PathLogin, in, &out)
	if codeOf(err) == proto.Unauthorized && in.Token != "" && a.hasName() {
		a.routes.setToken("")
		return a.login(ctx, avoid, refused)
	}
	if err != nil {
		return out, fmt.Errorf("log in: %w", err)
	}
	a.routes.setToken(out.Token)
	return out, nil
}

func (a *account) hasName() bool { return a.cfg.Name != "" || a.cfg.User != 0 }

// call is callAs for a first try.
func (a *account) call(ctx context.Context, method, path string, in, out any) error {
	return a.callAs(ctx, manner{}, method, path, in, out)
}

// callAs calls a path that needs a token. When the token is not taken any more it
// logs in once for another: a login displaces nobody until it is used.
func (a *account) callAs(ctx context.Context, m manner, method, path string, in, out any) error {
	used := a.routes.bearer()
	err := a.routes.callAs(ctx, m, method, path, in, out)
	if codeOf(err) != proto.Unauthorized || !a.hasName() {
		return err
	}
	if a.routes.bearer() == used {
		if _, again := a.login(ctx, nil, 0); again != nil {
			return errors.Join(err, again)
		}
	}
	return a.routes.callAs(ctx, m, method, path, in, out)
}

// insist posts a request that may be repeated until a route takes or refuses it,
// or ctx ends: then the error wraps ErrOutcomeUnknown. So it does when what answers
// at last is no route, and a try before that may have come to one. Each try asks for
// its body.
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
		if !pause(ctx, max(delay, 50*time.Millisecond)) {
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
	}
}
