package routefn

import (
	"context"
	"net/http"
	"net/url"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/body"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/compat"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/trail"
)

// Each function here makes a handler of a use case, for one kind of callers. It decodes
// the request, finds out who calls, and answers in the caller's format.

// fromAnybody is for clients without a token. The use case gets the client's address by
// sourceip.Client.
func fromAnybody[Q, A any](run func(context.Context, Q) (A, error)) handler {
	return func(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
		rt.serve(w, r, name, body.JSON, func(ctx context.Context) (any, error) {
			var q Q
			if err := body.ReadJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
				return nil, err
			}
			trail.Note(ctx, token.Token{}, q)
			return run(sourceip.WithClient(ctx, rt.cfg.Proxies.Client(r)), q)
		})
	}
}

// fromCaller is for clients with a token and a body. The store checks the token in the
// request's first operation, before anything changes (record.WithPass). If the store lost
// the caller's account, the answer asks the client to repeat the request.
func fromCaller[Q, A any](run func(context.Context, token.Token, Q) (A, error)) handler {
	return fromKeyed(func(*Q) *string { return nil }, run)
}

// fromKeyed is like fromCaller, for requests that may be repeated under one id. The
// function in the parameter id returns a pointer to that id in the body, or nil. The
// header proto.HeaderKey may also have the id.
func fromKeyed[Q, A any](id func(*Q) *string, run func(context.Context, token.Token, Q) (A, error)) handler {
	return func(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
		rt.serveCaller(w, r, name, body.Accepted(r), func(ctx context.Context, caller token.Token) (any, error) {
			var q Q
			if err := body.ReadJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
				return nil, err
			}
			if err := check.Key(r.Header[proto.HeaderKey], id(&q)); err != nil {
				return nil, err
			}
			trail.Note(ctx, caller, q)
			return run(ctx, caller, q)
		})
	}
}

// withClient lets a use case get the caller's address by sourceip.Client, too.
func withClient(h handler) handler {
	return func(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
		h(rt, name, w, r.WithContext(sourceip.WithClient(r.Context(), rt.cfg.Proxies.Client(r))))
	}
}

// fromQuery is like fromCaller, for requests with a query and no body.
func fromQuery[A any](run func(context.Context, token.Token, url.Values) (A, error)) handler {
	return func(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
		rt.serveCaller(w, r, name, body.JSON, func(ctx context.Context, caller token.Token) (any, error) {
			return run(ctx, caller, r.URL.Query())
		})
	}
}

// linesFromQuery is like fromQuery, for answers that are pages of JSON lines.
func linesFromQuery(run func(context.Context, token.Token, url.Values) (body.Lines, error)) handler {
	return func(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
		rt.serveCaller(w, r, name, body.JSONLines, func(ctx context.Context, caller token.Token) (any, error) {
			q := r.URL.Query()
			trail.Note(ctx, caller, q)
			return run(ctx, caller, q)
		})
	}
}

func (rt *Route) serveCaller(w http.ResponseWriter, r *http.Request, name string, f body.Format, run func(context.Context, token.Token) (any, error)) {
	rt.serve(w, r, name, f, func(ctx context.Context) (any, error) {
		caller, err := rt.accounts.Caller(r)
		if err != nil {
			return nil, err
		}
		answer, err := run(record.WithPass(ctx, identity.PassOf(caller)), caller)
		return answer, rt.accounts.OrRepeat(ctx, err, caller.User, caller.Name)
	})
}

// fromUnjudged is like fromCaller, for a use case that itself makes the store check the
// token, and restores a lost account.
func fromUnjudged[Q, A any](run func(context.Context, token.Token, Q) (A, error)) handler {
	return func(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
		rt.serve(w, r, name, body.JSON, func(ctx context.Context) (any, error) {
			caller, err := rt.accounts.Caller(r)
			if err != nil {
				return nil, err
			}
			var q Q
			if err := body.ReadJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
				return nil, err
			}
			trail.Note(ctx, caller, q)
			return run(ctx, caller, q)
		})
	}
}

// fromCIM is for CIM's clients, which do not prove who they are. So the handler serves
// them in open mode only. In any other mode it answers as if the path did not exist. The
// use case gets the client's address by sourceip.Client.
func fromCIM[Q, A any](run func(context.Context, Q) (A, error)) handler {
	return openOnly(func(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
		rt.serve(w, r, name, compat.Format, func(ctx context.Context) (any, error) {
			var q Q
			if r.Method != http.MethodGet {
				if err := body.ReadLenient(w, r, rt.cfg.MaxBody, &q); err != nil {
					return nil, err
				}
			}
			trail.Note(ctx, token.Token{}, q)
			return run(sourceip.WithClient(ctx, rt.cfg.Proxies.Client(r)), q)
		})
	})
}

// messageFromCIM is like fromCIM, for messages. If a message is refused for good, the
// sender's connection gets the reason, too.
func messageFromCIM(run func(context.Context, compat.MessageRequest) (any, error)) handler {
	return openOnly(func(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), compat.MessageTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		rt.serve(w, r, name, compat.MessageFormat, func(ctx context.Context) (answer any, err error) {
			q, err := rt.compat.ReadMessage(w, r)
			if err == nil {
				answer, err = run(ctx, q)
			}
			if err != nil {
				err = rt.compat.Refused(ctx, q, err)
			}
			return answer, err
		})
	})
}

func openOnly(h handler) handler {
	return func(rt *Route, name string, w http.ResponseWriter, r *http.Request) {
		if rt.cfg.Auth != AuthOpen {
			body.Fail(w, http.StatusNotFound, proto.Err(proto.NotFound, ""))
			return
		}
		h(rt, name, w, r)
	}
}
