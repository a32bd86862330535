package ozone

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

func (c *adminClient) CreateAccount(ctx context.Context, a NewAccount) (Credentials, error) {
	var answer Credentials
	return answer, c.do(ctx, http.MethodPost, "/accounts", a, &answer)
}

func (c *adminClient) Accounts(ctx context.Context) ([]storage.AccountRow, error) {
	var answer []storage.AccountRow
	return answer, c.do(ctx, http.MethodGet, "/accounts", nil, &answer)
}

func (c *adminClient) SetRateLimits(ctx context.Context, account schemas.AccountID, limits schemas.RateLimits) error {
	var answer struct{}
	return c.do(ctx, http.MethodPut, fmt.Sprintf("/accounts/%d/limits", account), limits, &answer)
}

func (c *adminClient) RotateKey(ctx context.Context, user string) (Credentials, error) {
	var answer Credentials
	return answer, c.do(ctx, http.MethodPost, "/users/"+url.PathEscape(user)+"/key", nil, &answer)
}

func (c *adminClient) Hosts(ctx context.Context) ([]schemas.Host, error) {
	var answer []schemas.Host
	return answer, c.do(ctx, http.MethodGet, "/hosts", nil, &answer)
}

func (c *adminClient) Explain(ctx context.Context, f schemas.FlavorID) ([]core.Verdict, error) {
	var answer []core.Verdict
	return answer, c.do(ctx, http.MethodGet, fmt.Sprintf("/flavors/%d/hosts", f), nil, &answer)
}

func (c *adminClient) Fence(ctx context.Context, host schemas.HostID) error {
	var answer struct{}
	return c.do(ctx, http.MethodPost, fmt.Sprintf("/hosts/%d/fence", host), nil, &answer)
}

func (c *adminClient) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// do asks the node and reads its answer or its error.
func (c *adminClient) do(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("ask the node: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://node"+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("ask the node: %w", err)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("ask the node: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		problem := new(schemas.Error)
		if err := json.NewDecoder(response.Body).Decode(problem); err != nil {
			return fmt.Errorf("ask the node: %s", response.Status)
		}
		return problem
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("read the node's answer: %w", err)
	}
	return nil
}
