package seed

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cim-go/cim/ring"
)

const (
	maxBody   = 8 << 20 // bytes; 1,000 members with the longest names are 1.5 MB
	maxReason = 200     // bytes of a refusal that go into the error
)

// fetch requests the members from one node. It returns them with their current loads. It
// blocks for up to Config.Timeout.
func (c *Client) fetch(ctx context.Context, node string) (members []ring.Member, etag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(baseURL(node), "/")+Path, nil)
	if err != nil {
		return nil, "", fmt.Errorf("request members from %s: %w", node, err)
	}
	if c.etag != "" {
		req.Header.Set("If-None-Match", `"`+c.etag+`"`)
	}
	resp, err := c.cfg.Client.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("request members: %w", err) // err has the URL
	}
	defer resp.Body.Close()
	members, etag, err = c.read(resp)
	if err != nil {
		return nil, "", fmt.Errorf("request members from %s: %w", node, err)
	}
	return members, etag, nil
}

func (c *Client) read(resp *http.Response) (members []ring.Member, etag string, err error) {
	etag = strings.Trim(resp.Header.Get("ETag"), `"`)
	body := http.MaxBytesReader(nil, resp.Body, maxBody)
	switch {
	case resp.StatusCode == http.StatusNotModified && etag == c.etag && etag != "":
		c.metrics.requests.WithLabelValues("unchanged").Inc()
		return c.loads(c.members, resp, etag), etag, nil
	case resp.StatusCode != http.StatusOK:
		reason, _ := io.ReadAll(io.LimitReader(body, maxReason))
		return nil, "", fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(reason)))
	}
	var sealed []ring.Sealed
	if err := json.NewDecoder(body).Decode(&sealed); err != nil {
		return nil, "", fmt.Errorf("read members: %w", err)
	}
	for _, s := range sealed {
		m, err := s.Open(c.cfg.Keys)
		if err != nil {
			c.metrics.refused.Inc()
			continue
		}
		members = append(members, m)
	}
	if len(members) == 0 { // this is an error, because a node knows at least itself
		return nil, "", fmt.Errorf("none of %d members has a valid MAC", len(sealed))
	}
	c.metrics.requests.WithLabelValues("changed").Inc()
	if len(members) < len(sealed) {
		// Some members are missing. So the ETag is not kept, and the next answer has a
		// body again.
		return members, "", nil
	}
	return c.loads(members, resp, etag), etag, nil
}

// loads returns members with the loads in resp's header. If the header is invalid, it
// returns them unchanged.
func (c *Client) loads(members []ring.Member, resp *http.Response, etag string) []ring.Member {
	members, err := withLoads(members, resp.Header.Get(loadsHeader), etag, c.cfg.Keys)
	if err != nil {
		c.metrics.refused.Inc()
	}
	return members
}
