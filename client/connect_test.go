package client

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
)

func TestReconnectAvoidsFailedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.unreachable["node-1"] = true
		c := connect(t, k.config())
		if e := next[Connected](t, c); e.Node.ID != "node-2" {
			t.Errorf("connected to %s", e.Node.ID)
		}
		delete(k.unreachable, "node-1")
		k.kick(proto.OK)
		next[Connected](t, c)
		synctest.Wait()
		last := k.logins[len(k.logins)-1]
		if len(last.Avoid) != 2 || last.Token != "token" || last.Password != "" {
			t.Errorf("login %+v: want both nodes avoided, and no password", last)
		}
		time.Sleep(avoidFor)
		k.kick(proto.Silent)
		next[Connected](t, c)
		synctest.Wait()
		if last := k.logins[len(k.logins)-1]; len(last.Avoid) != 0 {
			t.Errorf("login avoids %v after %s", last.Avoid, avoidFor)
		}
	})
}

func TestReplacedStops(t *testing.T) {
	for _, code := range []proto.Code{proto.Replaced, proto.LoggedOut, 4299} {
		synctest.Test(t, func(t *testing.T) {
			k := newCluster()
			c := connect(t, k.config())
			k.say(proto.Inbox, "last")
			synctest.Wait()
			k.kick(code)
			if e := next[Stopped](t, c); codeOf(e.Err) != code {
				t.Errorf("stopped by %v, want %v", e.Err, code)
			}
			expect(t, c, "last")
			if _, err := c.Receive(t.Context()); codeOf(err) != code {
				t.Errorf("receive: %v", err)
			}
			if _, err := c.Send(t.Context(), bob, "hi"); codeOf(err) != code {
				t.Errorf("send: %v", err)
			}
			time.Sleep(time.Hour)
			if len(k.logins) != 1 {
				t.Errorf("%d logins after %v", len(k.logins), code)
			}
		})
	}
}

func TestConnectReportsWhatNoRetryChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		cfg.Password = "guess"
		if _, err := Connect(t.Context(), cfg); codeOf(err) != proto.WrongPassword {
			t.Errorf("wrong password: %v", err)
		}
		cfg = k.config()
		cfg.History = history.NewMemory()
		cfg.History.Bind(bob)
		if _, err := Connect(t.Context(), cfg); !errors.Is(err, history.ErrOtherUser) {
			t.Errorf("another user's history: %v", err)
		}
		k.setOnCall(func(string, []byte) *proto.ErrorAnswer { return &proto.ErrorAnswer{Name: "unreachable"} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := Connect(ctx, k.config()); !errors.Is(err, ErrNoRoute) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no route: %v", err)
		}
		if _, err := Connect(ctx, Config{Routes: []string{"localhost:1"}, Name: "x"}); err == nil {
			t.Error("a route without a scheme is taken")
		}
	})
}

func TestExpiredTokenFallsBackToPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.setOnCall(func(path string, body []byte) *proto.ErrorAnswer {
			var in proto.LoginRequest
			if path == proto.PathLogin && json.Unmarshal(body, &in) == nil && in.Token == "old" {
				return refuse(proto.Unauthorized)
			}
			return nil
		})
		cfg := k.config()
		cfg.Token = "old"
		if c := connect(t, cfg); c.Token() != "token" {
			t.Errorf("token %q", c.Token())
		}
		cfg.Name, cfg.Password = "", ""
		if _, err := Connect(t.Context(), cfg); codeOf(err) != proto.Unauthorized {
			t.Errorf("without a password: %v", err)
		}
	})
}

// If a token is void while nobody can log in, the client goes on. The store may have
// come back empty, and its nodes are not back yet.
func TestVoidTokenIsReplacedWhenLoginsAreBack(t *testing.T) {
	for what, refused := range map[string]*proto.ErrorAnswer{
		"no node":     refuse(proto.NoNode),
		"no store":    refuse(proto.Unavailable),
		"overloaded":  refuse(proto.Overloaded),
		"unreachable": {Name: "unreachable"},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newCluster()
				c := connect(t, k.config())
				k.say(proto.Inbox, "one")
				expect(t, c, "one")
				logins := 0
				k.setOnCall(func(path string, _ []byte) *proto.ErrorAnswer {
					switch {
					case logins > 2:
						return nil
					case path == proto.PathLogin:
						logins++
						return refused
					}
					return refuse(proto.Unauthorized)
				})
				k.store(proto.Inbox, "two") // not pushed: it is pulled
				k.say(proto.Inbox, "three")
				expect(t, c, "two", "three")
			})
		})
	}
}

// Two calls meet a void token at once. The second call logs in, too, and makes no
// request without a token.
func TestVoidTokenThatAnotherLoginDroppedIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		pulls, logins := 0, 0
		k.setOnCall(func(path string, _ []byte) *proto.ErrorAnswer {
			switch path {
			case proto.PathLogin:
				logins++
			case proto.PathPull:
				if pulls++; pulls == 1 {
					c.account.routes.credentials.clear() // as the other one does, which waits for its answer
				}
				if c.account.routes.credentials.bearer() == "" {
					return refuse(proto.Unauthorized)
				}
			}
			return nil
		})
		k.store(proto.Inbox, "one") // not pushed: it is pulled
		k.say(proto.Inbox, "two")
		expect(t, c, "one", "two")
		if logins != 1 {
			t.Errorf("%d logins", logins)
		}
	})
}

// Routes whose store was emptied may sign with different keys for a moment, so that one
// route refuses the token of another. The client goes on.
func TestTokenThatRoutesDisagreeOnEndsNoClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		refused := 0
		k.setOnCall(func(path string, _ []byte) *proto.ErrorAnswer {
			if path == proto.PathPull && refused < 10 {
				refused++
				return refuse(proto.Unauthorized)
			}
			return nil
		})
		k.store(proto.Inbox, "one") // not pushed: it is pulled
		k.say(proto.Inbox, "two")
		expect(t, c, "one", "two")
		if refused != 10 {
			t.Errorf("refused %d times", refused)
		}
	})
}

func TestNextRouteIsAskedWhenOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		cfg.Routes = []string{"http://broken", "http://route"}
		asked := map[string]int{}
		cfg.HTTP.Transport = hostCounter{k, asked}
		c := connect(t, cfg)
		k.say(proto.Inbox, "hi")
		expect(t, c, "hi")
		if asked["broken"] != 1 || asked["route"] < 2 {
			t.Errorf("asked %v: want the broken route once", asked)
		}
	})
}

func TestPausedNodeIsLeftWithin15Seconds(t *testing.T) {
	for name, send := range map[string]bool{"idle": false, "sending": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newCluster()
				c := connect(t, k.config())
				next[Connected](t, c)
				time.Sleep(35 * time.Second)
				synctest.Wait()
				if k.pings < 3 || !c.State().Connected() {
					t.Fatalf("%d pings in 35 s, connected: %v", k.pings, c.State().Connected())
				}
				k.mu.Lock()
				k.mute["node-1"] = true
				k.mu.Unlock()
				paused := time.Now()
				if send {
					for range 20 {
						c.Enqueue(t.Context(), Outgoing{To: bob, Text: "anybody?"})
						time.Sleep(500 * time.Millisecond)
					}
				}
				if e := next[Disconnected](t, c); !errors.Is(e.Err, errSilent) || e.RetryIn != 0 {
					t.Errorf("disconnected: %v", e)
				}
				if took := time.Since(paused); took > 15*time.Second {
					t.Errorf("left after %v", took)
				}
				if e := next[Connected](t, c); e.Node.ID != "node-2" {
					t.Errorf("went to %s", e.Node.ID)
				}
			})
		})
	}
}
