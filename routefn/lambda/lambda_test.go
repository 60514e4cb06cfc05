package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func event(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reply has the fields that the answers for any front end have.
type reply struct {
	StatusCode        int
	StatusDescription string
	Headers           map[string]string
	MultiValueHeaders map[string][]string
	Cookies           []string
	Body              string
	IsBase64Encoded   bool
}

func invoke(t *testing.T, c Config, payload []byte) reply {
	t.Helper()
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var r reply
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRequestIsWhatTheClientSent(t *testing.T) {
	type seen struct {
		method, path, escaped, query, host, peer, body string
		length                                         int64
		header                                         http.Header
	}
	for name, want := range map[string]seen{
		"gateway": {
			method: "POST", path: "/v1/online", escaped: "/v1/online", query: "after=7&prefix=al%20ice&prefix=b,c",
			host: "abc123.execute-api.eu-central-1.amazonaws.com", peer: "192.0.2.7:0", body: `{"to":"bob"}`, length: 12,
			header: http.Header{
				"Accept": {"application/json,text/plain"}, "Authorization": {"Bearer token"}, "Content-Type": {"application/json"},
				"X-Forwarded-For": {"192.0.2.7"}, "X-Note": {"one, two"}, "Cookie": {"a=1; b=2; not split"},
			},
		},
		"gateway-stage": {
			method: "POST", path: "/node/report", escaped: "/node/report",
			host: "abc123.execute-api.eu-central-1.amazonaws.com", peer: "[2001:db8::7]:0", body: "\x00\xff\xfe\x80", length: 4,
			header: http.Header{"Content-Type": {"application/x-protobuf"}},
		},
		"url": {
			method: "GET", path: "/v1/a/b c", escaped: "/v1/a%2Fb%20c", host: "u123.lambda-url.eu-central-1.on.aws", peer: "192.0.2.8:0",
			header: http.Header{"X-Amzn-Trace-Id": {"Root=1-00000000-000000000000000000000000"}},
		},
		"balancer": {
			method: "POST", path: "/v1/online", escaped: "/v1/online", query: "after=7&prefix=al%20ice",
			host: "cim.example.com", peer: "192.0.2.9:0", body: `{"to":"bob"}`, length: 12,
			header: http.Header{
				"Content-Type": {"application/json"}, "Cookie": {"a=1; b=2"},
				"X-Forwarded-For": {"198.51.100.1, 192.0.2.9"}, "X-Forwarded-Proto": {"https"},
			},
		},
		"balancer-multi": {
			method: "GET", path: "/v1/online", escaped: "/v1/online", query: "after=7&prefix=al%20ice&prefix=b",
			host: "cim.example.com", peer: "192.0.2.10:0",
			header: http.Header{
				"Accept": {"application/json", "text/plain"}, "Cookie": {"a=1; b=2"}, "X-Forwarded-For": {"192.0.2.10"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got seen
			invoke(t, Config{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				got = seen{
					method: r.Method, path: r.URL.Path, escaped: r.URL.EscapedPath(), query: r.URL.RawQuery, host: r.Host,
					peer: r.RemoteAddr, body: string(body), length: r.ContentLength, header: r.Header,
				}
			})}, event(t, name))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("handler saw\n%+v, want\n%+v", got, want)
			}
		})
	}
}

func TestAnswerIsWhatTheFrontEndExpects(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "a=1; Path=/")
		w.Header().Add("Set-Cookie", "b=2, and more")
		w.Header().Add("Allow", "GET")
		w.Header().Add("Allow", "POST")
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("Too", "late")
		io.WriteString(w, `{"name":"<bob> `+"\u2028\x00"+`"}`)
	})
	const body = `{"name":"<bob> ` + "\u2028\x00" + `"}`
	joinedAllow := map[string]string{"Allow": "GET,POST", "Content-Type": "text/plain"}
	for name, want := range map[string]reply{
		"gateway": {StatusCode: 418, Headers: joinedAllow, Cookies: []string{"a=1; Path=/", "b=2, and more"}, Body: body},
		"url":     {StatusCode: 418, Headers: joinedAllow, Cookies: []string{"a=1; Path=/", "b=2, and more"}, Body: body},
		"balancer": {StatusCode: 418, StatusDescription: "418 I'm a teapot", Body: body,
			Headers: map[string]string{"Allow": "GET,POST", "Content-Type": "text/plain", "Set-Cookie": "b=2, and more"}},
		"balancer-multi": {StatusCode: 418, StatusDescription: "418 I'm a teapot", Body: body, MultiValueHeaders: map[string][]string{
			"Allow": {"GET", "POST"}, "Content-Type": {"text/plain"}, "Set-Cookie": {"a=1; Path=/", "b=2, and more"}}},
	} {
		t.Run(name, func(t *testing.T) {
			typed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				handler(w, r)
			})
			if got := invoke(t, Config{Handler: typed}, event(t, name)); !reflect.DeepEqual(got, want) {
				t.Errorf("answer is\n%+v, want\n%+v", got, want)
			}
		})
	}
}

func TestBinaryAnswerIsBase64(t *testing.T) {
	const body = "\x00\xff\xfe\x80"
	got := invoke(t, Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, body)
	})}, event(t, "gateway"))
	if !got.IsBase64Encoded || got.Body != base64.StdEncoding.EncodeToString([]byte(body)) {
		t.Errorf("answer is %+v", got)
	}
	if got.StatusCode != 200 || got.Headers["Content-Type"] != "application/octet-stream" {
		t.Errorf("header is %d %v", got.StatusCode, got.Headers)
	}
}

func TestSilentHandlerAnswers200(t *testing.T) {
	got := invoke(t, Config{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}, event(t, "gateway"))
	if got.StatusCode != 200 || got.Body != "" || len(got.Headers) != 0 {
		t.Errorf("answer is %+v", got)
	}
}

func TestPanicAnswers500AndIsLoggedOnce(t *testing.T) {
	var log strings.Builder
	c := Config{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "half of it")
			panic("a mistake")
		}),
		Fail: func(w http.ResponseWriter, status int) {
			w.WriteHeader(status)
			io.WriteString(w, "ours")
		},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	}
	if got := invoke(t, c, event(t, "gateway")); got.StatusCode != 500 || got.Body != "ours" {
		t.Errorf("answer is %+v", got)
	}
	if n := strings.Count(log.String(), "a mistake"); n != 1 {
		t.Errorf("the panic was told %d times: %s", n, log.String())
	}
}

func TestAnswerThatIsTooLargeBecomes413(t *testing.T) {
	for name, most := range map[string]int{"gateway": 6 << 20, "balancer": 1 << 20} {
		for extra, want := range map[int]int{-1024: 200, 0: 413} {
			got := invoke(t, Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, strings.Repeat("x", most+extra))
			})}, event(t, name))
			if got.StatusCode != want {
				t.Errorf("%s: %d bytes are answered %d, want %d", name, most+extra, got.StatusCode, want)
			}
		}
	}
}

func TestHandlerHasLessTimeThanTheInvocation(t *testing.T) {
	for name, c := range map[string]struct{ left, margin, want time.Duration }{
		"as configured": {10 * time.Second, time.Second, 9 * time.Second},
		"default":       {10 * time.Second, 0, 9800 * time.Millisecond},
		"half at most":  {time.Second, time.Minute, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			var got time.Time
			f, err := New(Config{Margin: c.margin, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got, _ = r.Context().Deadline()
			})})
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			ctx, cancel := context.WithDeadline(t.Context(), begun.Add(c.left))
			defer cancel()
			if _, err := f.Invoke(ctx, event(t, "gateway")); err != nil {
				t.Fatal(err)
			}
			if has := got.Sub(begun); (has - c.want).Abs() > 150*time.Millisecond {
				t.Errorf("handler has %v of %v, want %v", has, c.left, c.want)
			}
		})
	}
}

func TestOtherEventsAreErrors(t *testing.T) {
	f, err := New(Config{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("handler was called") })})
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string]string{
		"no JSON":        `{`,
		"nothing":        `{}`,
		"REST API":       `{"version":"1.0","httpMethod":"GET","path":"/"}`,
		"queue":          `{"Records":[{"eventSource":"aws:sqs"}]}`,
		"wrong types":    `{"version":"2.0","headers":["a"]}`,
		"no base64":      `{"version":"2.0","isBase64Encoded":true,"body":"*"}`,
		"strange method": `{"version":"2.0","requestContext":{"http":{"method":"A B"}}}`,
	} {
		if _, err := f.Invoke(t.Context(), []byte(payload)); !errors.Is(err, ErrEvent) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestStageIsTakenOffOnlyWhereItStands(t *testing.T) {
	for _, c := range []struct{ path, stage, want string }{
		{"/prod/v1/login", "prod", "/v1/login"},
		{"/prod", "prod", ""},
		{"/product", "prod", "/product"},
		{"/v1/login", "prod", "/v1/login"},
		{"/v1/login", "$default", "/v1/login"},
		{"/v1/login", "", "/v1/login"},
	} {
		if got := withoutStage(c.path, c.stage); got != c.want {
			t.Errorf("%s in stage %q is %q, want %q", c.path, c.stage, got, c.want)
		}
	}
}
