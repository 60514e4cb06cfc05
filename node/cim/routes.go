package cim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// pathCIMOffline is the path of the report to CIM's routes that a user has gone.
const pathCIMOffline = "/offLine"

// maxCIMAnswer bounds an answer of CIM's route, in bytes.
const maxCIMAnswer = 64 << 10

// Routes calls CIM's own routes, which are written in Java. It is safe for concurrent
// use. Make it with NewRoutes.
type Routes struct {
	urls   []string
	client *http.Client
	at     atomic.Uint32 // counts failed calls; the URL in use is urls[at%len(urls)]
}

// NewRoutes checks the base URLs and connects to nothing. Calls go to one route until
// it fails, and then to the next.
func NewRoutes(urls ...string) (*Routes, error) {
	if len(urls) == 0 {
		return nil, errors.New("CIM's routes: no URL")
	}
	c := &Routes{client: &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
			MaxIdleConnsPerHost: offlineWorkers,
			IdleConnTimeout:     time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, base := range urls {
		parsed, err := url.Parse(base)
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return nil, fmt.Errorf("CIM's routes: URL %q: want http://host or https://host", base)
		}
		c.urls = append(c.urls, strings.TrimSuffix(base, "/"))
	}
	return c, nil
}

// Offline reports to one of the routes that the user has gone, as CIM's server does. It
// blocks until the route has answered or ctx ends. After an error the next call goes to
// the next route.
func (c *Routes) Offline(ctx context.Context, user int64, name string) error {
	at := c.at.Load()
	err := c.offline(ctx, c.urls[int(at)%len(c.urls)], user, name)
	if err != nil {
		c.at.CompareAndSwap(at, at+1)
		return fmt.Errorf("tell CIM's route that user %d has gone: %w", user, err)
	}
	return nil
}

func (c *Routes) offline(ctx context.Context, base string, user int64, name string) error {
	body, err := json.Marshal(struct {
		UserID int64  `json:"userId"`
		Msg    string `json:"msg"`
	}{user, name})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+pathCIMOffline, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(io.LimitReader(response.Body, maxCIMAnswer))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", base, response.Status)
	}
	var answer struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(read, &answer); err != nil {
		return fmt.Errorf("%s is no route of CIM's: %w", base, err)
	}
	if answer.Code != codeOK {
		return fmt.Errorf("%s answers code %q: %s", base, answer.Code, answer.Message)
	}
	return nil
}

// Close closes idle connections.
func (c *Routes) Close() { c.client.CloseIdleConnections() }
