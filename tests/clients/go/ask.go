// Go's own HTTP client, which knows nothing of Gemtap: `go run ask.go URL` prints the answer.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	body := strings.NewReader(`{"contents":[{"parts":[{"text":"hello"}]}]}`)
	request, err := http.NewRequest("POST", os.Args[1], body)
	if err != nil {
		panic(err)
	}
	request.Header.Set("content-type", "application/json")
	request.Header.Set("x-goog-api-key", "canary")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(answer))
}
