package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// mostOfBalancer is the largest answer in bytes that an Application Load Balancer accepts
// from a function.
const mostOfBalancer = 1 << 20

// balancer returns the front end of an Application Load Balancer. If the event in the
// parameter payload has multi-value headers, the answer must have them, too.
func balancer(payload []byte) (front, error) {
	var e struct {
		MultiValueHeaders json.RawMessage `json:"multiValueHeaders"`
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		return front{}, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	multi := len(e.MultiValueHeaders) > 0 && string(e.MultiValueHeaders) != "null"
	return front{
		request: balancerRequest,
		answer:  func(a *answer) any { return balancerAnswer(a, multi) },
		most:    mostOfBalancer,
	}, nil
}

func balancerRequest(ctx context.Context, payload []byte) (*http.Request, error) {
	var e events.ALBTargetGroupRequest
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	header := make(http.Header)
	for name, value := range e.Headers {
		header.Set(name, value)
	}
	for name, values := range e.MultiValueHeaders {
		for _, value := range values {
			header.Add(name, value)
		}
	}
	return call{
		method: e.HTTPMethod, path: e.Path, query: balancerQuery(e), header: header,
		body: e.Body, isBase64: e.IsBase64Encoded, peer: lastOf(header.Values("X-Forwarded-For")),
	}.request(ctx)
}

// balancerQuery returns the query of a request. Names and values in the event are still
// escaped.
func balancerQuery(e events.ALBTargetGroupRequest) string {
	values := e.MultiValueQueryStringParameters
	if values == nil {
		values = make(map[string][]string, len(e.QueryStringParameters))
		for name, value := range e.QueryStringParameters {
			values[name] = []string{value}
		}
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			pairs = append(pairs, name+"="+value)
		}
	}
	return strings.Join(pairs, "&")
}

// lastOf returns the last address of the header X-Forwarded-For, which the balancer
// itself wrote. The client may have made up the addresses before it.
func lastOf(forwarded []string) string {
	all := strings.Join(forwarded, ",")
	return strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:])
}

func balancerAnswer(a *answer, multi bool) any {
	fields := a.fields()
	body, isBase64 := a.encoded()
	out := events.ALBTargetGroupResponse{
		StatusCode:        a.status,
		StatusDescription: strings.TrimSpace(fmt.Sprint(a.status, " ", http.StatusText(a.status))),
		Body:              body, IsBase64Encoded: isBase64,
	}
	if multi {
		out.MultiValueHeaders = fields
		return out
	}
	if cookies := fields.Values("Set-Cookie"); len(cookies) > 1 {
		fields.Set("Set-Cookie", cookies[len(cookies)-1])
	}
	out.Headers = joined(fields)
	return out
}
