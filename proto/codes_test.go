package proto

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// goldenCodes must stay as it is, because clients in use act on these numbers, and
// dashboards use these names. Add lines, but change and reuse none.
const goldenCodes = `0 ok 200
4000 going-away 503
4001 ticket-expired 401
4002 wrong-node 421
4003 session-unknown 409
4004 login-timeout 408
4005 silent 408
4100 full 503
4101 unavailable 503
4102 overloaded 429
4103 too-slow 408
4104 no-node 503
4105 unknown 504
4106 not-opened 503
4107 limited 429
4200 replaced 409
4201 logged-out 401
4202 bad-frame 400
4203 frame-too-long 413
4204 not-login 400
4205 bad-ticket 401
4206 rejected 409
4207 unauthorized 401
4208 wrong-password 401
4209 invalid 400
4210 too-large 413
4211 unknown-user 404
4212 name-taken 409
4213 unknown-group 404
4214 not-member 403
4215 diverged 409
4216 not-found 404
4217 too-late 409
4218 not-scheduled 404
4219 too-many 409
4220 not-creator 403
4221 removed 403
4222 crowded 409
4223 id-reused 409
4224 needs-tls 403
4225 session-ended 401
4226 foreign-page 403
4227 foreign-host 403
4228 new-receivers 429
4229 inbox-full 429
4230 forbidden 403
4231 blocked 403
4232 contacts-only 403
4233 no-contact 404
4234 no-invitation 404
4235 unknown-message 404
4236 unknown-report 404
4237 decided 409
4238 too-old 409
`

func TestCodesKeepTheirNumbersAndNames(t *testing.T) {
	var b strings.Builder
	for _, c := range Codes() {
		fmt.Fprintln(&b, int(c), c, c.HTTPStatus())
	}
	if got := b.String(); got != goldenCodes {
		t.Errorf("codes are\n%swant\n%s", got, goldenCodes)
	}
}

func TestCodesAreSortedAndHaveNamesOfTheirOwn(t *testing.T) {
	codes := Codes()
	if !slices.IsSorted(codes) {
		t.Errorf("not sorted: %d", codes)
	}
	names, texts := make(map[string]Code), make(map[string]Code)
	for _, c := range codes {
		if other, ok := names[c.String()]; ok {
			t.Errorf("%d and %d are both %q", c, other, c)
		}
		if other, ok := texts[c.Text()]; ok {
			t.Errorf("%d and %d both say %q", c, other, c.Text())
		}
		names[c.String()], texts[c.Text()] = c, c
		if text := c.Text(); !strings.HasSuffix(text, ".") || len(text) > 123 { // what a WebSocket close holds
			t.Errorf("%v says %q", c, text)
		}
	}
}

// TestStatusDoesNotContradictTheRange: generic HTTP clients and proxies go by
// the status, ours by the code. A message that is refused with NewReceivers or
// InboxFull may succeed later, but our clients have other messages to send meanwhile.
func TestStatusDoesNotContradictTheRange(t *testing.T) {
	retried := []int{http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	for _, c := range Codes() {
		status := c.HTTPStatus()
		if http.StatusText(status) == "" {
			t.Errorf("%v has the status %d", c, status)
		}
		switch c.Retry() {
		case RetryNever:
			if (c == NewReceivers || c == InboxFull) && status == http.StatusTooManyRequests {
				continue
			}
			if status < 400 || status >= 500 || slices.Contains(retried, status) {
				t.Errorf("%v: never come back, but status %d", c, status)
			}
		case RetryLater:
			if c != OK && !slices.Contains(retried, status) {
				t.Errorf("%v: come back later, but status %d", c, status)
			}
		case RetryNow:
			if c/100 != 40 {
				t.Errorf("%v: come back now, but its number is %d", c, c)
			}
		}
	}
}

func TestRangeTellsWhatToDoAboutUnknownCodes(t *testing.T) {
	for c, want := range map[Code]Retry{
		4000: RetryNow, 4050: RetryNow, 4099: RetryNow,
		4100: RetryLater, 4150: RetryLater, 4199: RetryLater,
		4200: RetryNever, 4250: RetryNever, 4299: RetryNever,
		-1: RetryLater, 1: RetryLater, 3999: RetryLater, 4300: RetryLater, 9000: RetryLater,
	} {
		if got := c.Retry(); got != want {
			t.Errorf("%d: %v, want %v", c, got, want)
		}
	}
}

func TestUnknownCodesShareOneName(t *testing.T) {
	for _, c := range []Code{-1, 1, 4099, 4999} {
		if c.String() != "code-other" || c.HTTPStatus() != http.StatusInternalServerError || c.Text() == "" {
			t.Errorf("%d: %q, %d, %q", c, c, c.HTTPStatus(), c.Text())
		}
	}
}

func TestErrorIsFoundByItsCode(t *testing.T) {
	err := fmt.Errorf("send: %w", Err(NotMember, "carol left the group"))
	if !errors.Is(err, Err(NotMember, "")) || !errors.Is(err, Err(NotMember, "carol left the group")) {
		t.Error("not found by its code")
	}
	if errors.Is(err, Err(NotFound, "")) || errors.Is(err, Err(NotMember, "another sentence")) {
		t.Error("found by what it is not")
	}
	var e *Error
	if !errors.As(err, &e) || e.Code != NotMember {
		t.Errorf("as %+v", e)
	}
	if got := Err(NotMember, "").Error(); got != NotMember.Text() {
		t.Errorf("without a message it says %q", got)
	}
}
