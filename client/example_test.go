package client_test

import (
	"fmt"
	"time"

	"github.com/ozonecloud/ozone/client"
)

func ExampleNew() {
	_, err := client.New(client.Config{URL: "127.0.0.1:8774", User: "demo", Key: "key", Now: time.Now})
	fmt.Println(err)
	// Output: The URL "127.0.0.1:8774" of the cloud is not one: want http://HOST or https://HOST, without a path.
}
