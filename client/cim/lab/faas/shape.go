package faas

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// Shape is a front end's form of events and answers.
type Shape struct {
	Name  string // as -shape names it
	stage string // the stage of an HTTP API; empty: $default, which is not in the path

	event func(s Shape, r *http.Request, body []byte) any

	failed, throttled int // the statuses if the function has failed, or has no free instance
}

// Shapes has all shapes. The first one is that of API Gateway's HTTP API.
var Shapes = []Shape{
	{Name: "gateway", event: gatewayEvent, failed: http.StatusInternalServerError, throttled: http.StatusServiceUnavailable},
	{Name: "gateway-stage", stage: "staging", event: gatewayEvent, failed: http.StatusInternalServerError, throttled: http.StatusServiceUnavailable},
	{Name: "url", event: gatewayEvent, failed: http.StatusBadGateway, throttled: http.StatusTooManyRequests},
	{Name: "alb", event: balancerEvent, failed: http.StatusBadGateway, throttled: http.StatusBadGateway},
	{Name: "alb-multi", event: balancerMultiEvent, failed: http.StatusBadGateway, throttled: http.StatusBadGateway},
}

// ShapeNamed returns the shape with a name.
func ShapeNamed(name string) (Shape, bool) {
	i := slices.IndexFunc(Shapes, func(s Shape) bool { return s.Name == name })
	if i < 0 {
		return Shape{}, false
	}
	return Shapes[i], true
}

// Event returns the event for a request and its body.
func (s Shape) Event(r *http.Request, body []byte) ([]byte, error) {
	b, err := json.Marshal(s.event(s, r, body))
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return b, nil
}

// Response reads an answer of the function.
func (s Shape) Response(answer []byte) (Response, error) {
	var a struct {
		StatusCode        int
		Headers           map[string]string
		MultiValueHeaders map[string][]string
		Cookies           []string
		Body              string
		IsBase64Encoded   bool
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return Response{}, fmt.Errorf("decode answer: %w", err)
	}
	if a.StatusCode < 200 || a.StatusCode > 599 {
		return Response{}, fmt.Errorf("answer has status %d", a.StatusCode)
	}
	response := Response{Status: a.StatusCode, Header: make(http.Header), Body: []byte(a.Body)}
	for name, value := range a.Headers {
		response.Header.Set(name, value)
	}
	for name, values := range a.MultiValueHeaders {
		response.Header[http.CanonicalHeaderKey(name)] = values
	}
	for _, cookie := range a.Cookies {
		response.Header.Add("Set-Cookie", cookie)
	}
	if a.IsBase64Encoded {
		var err error
		if response.Body, err = base64.StdEncoding.DecodeString(a.Body); err != nil {
			return Response{}, fmt.Errorf("decode answer's body: %w", err)
		}
	}
	return response, nil
}

// statusOf returns the HTTP status for an error.
func (s Shape) statusOf(err error) int {
	switch {
	case errors.Is(err, ErrThrottled):
		return s.throttled
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrTimeout) && s.failed == http.StatusInternalServerError:
		return http.StatusServiceUnavailable // API Gateway's answer
	}
	return s.failed
}

func gatewayEvent(s Shape, r *http.Request, body []byte) any {
	header := forwarded(r)
	var cookies []string
	for _, line := range header.Values("Cookie") {
		cookies = append(cookies, strings.Split(line, "; ")...)
	}
	header.Del("Cookie")
	path, stage := r.URL.EscapedPath(), "$default"
	if s.stage != "" {
		path, stage = "/"+s.stage+path, s.stage
	}
	text, isBase64 := encoded(header, body)
	query := make(map[string]string)
	for name, values := range r.URL.Query() {
		query[name] = strings.Join(values, ",")
	}
	return events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: path, RawQueryString: r.URL.RawQuery,
		Cookies: cookies, Headers: flat(header), QueryStringParameters: query,
		Body: text, IsBase64Encoded: isBase64,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "$default", Stage: stage, APIID: "local", AccountID: "000000000000", RequestID: "local",
			DomainName: r.Host, TimeEpoch: time.Now().UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: path, Protocol: r.Proto, SourceIP: peerOf(r), UserAgent: r.UserAgent(),
			},
		},
	}
}

func balancerEvent(_ Shape, r *http.Request, body []byte) any {
	header := forwarded(r)
	text, isBase64 := encoded(header, body)
	query := make(map[string]string)
	for name, values := range rawQuery(r) {
		query[name] = values[len(values)-1]
	}
	return events.ALBTargetGroupRequest{
		HTTPMethod: r.Method, Path: r.URL.EscapedPath(), QueryStringParameters: query,
		Headers: flat(header), Body: text, IsBase64Encoded: isBase64, RequestContext: targetGroup,
	}
}

func balancerMultiEvent(_ Shape, r *http.Request, body []byte) any {
	header := forwarded(r)
	text, isBase64 := encoded(header, body)
	lower := make(map[string][]string, len(header))
	for name, values := range header {
		lower[strings.ToLower(name)] = values
	}
	return events.ALBTargetGroupRequest{
		HTTPMethod: r.Method, Path: r.URL.EscapedPath(), MultiValueQueryStringParameters: rawQuery(r),
		MultiValueHeaders: lower, Body: text, IsBase64Encoded: isBase64, RequestContext: targetGroup,
	}
}

var targetGroup = events.ALBTargetGroupRequestContext{
	ELB: events.ELBContext{TargetGroupArn: "arn:aws:elasticloadbalancing:local:000000000000:targetgroup/cim/0000000000000000"},
}

// forwarded returns the header as front ends pass it to the function. It adds the host
// and the client's address, and leaves out the fields that belong to the client's
// connection.
func forwarded(r *http.Request) http.Header {
	header := r.Header.Clone()
	for _, name := range []string{"Connection", "Upgrade", "Keep-Alive", "Transfer-Encoding", "Te", "Trailer"} {
		header.Del(name)
	}
	header.Set("Host", r.Host)
	header.Set("X-Forwarded-Proto", "http")
	header.Set("X-Forwarded-For", strings.Join(append(header.Values("X-Forwarded-For"), peerOf(r)), ", "))
	return header
}

func peerOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "127.0.0.1" // the request came over no connection
	}
	return host
}

// flat joins the values of a name by commas.
func flat(header http.Header) map[string]string {
	m := make(map[string]string, len(header))
	for name, values := range header {
		m[strings.ToLower(name)] = strings.Join(values, ",")
	}
	return m
}

// rawQuery splits a query without unescaping anything, as load balancers do.
func rawQuery(r *http.Request) map[string][]string {
	m := make(map[string][]string)
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			m[name] = append(m[name], value)
		}
	}
	return m
}

// encoded returns the body in the form in which the front ends put it into JSON. That is
// text if the body has a content type that they treat as text.
func encoded(header http.Header, body []byte) (text string, isBase64 bool) {
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type")) // without a content type, kind is empty and the body is no text
	texts := []string{"application/json", "application/javascript", "application/xml"}
	text = string(body)
	if len(body) == 0 || utf8.Valid(body) && (strings.HasPrefix(kind, "text/") || slices.Contains(texts, kind)) {
		return text, false
	}
	return base64.StdEncoding.EncodeToString(body), true
}
