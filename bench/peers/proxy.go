// A reverse proxy of Go's standard library, for comparison: proxy LISTEN UPSTREAM [FOLDER].
//
// LISTEN and UPSTREAM are ports of 127.0.0.1. With FOLDER, each exchange is written to a file of its own there, as it
// passes: the heads and bodies of the request and the response.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
)

// Tee copies what is read from a body into a file.
type Tee struct {
	io.Reader
	io.Closer
}

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: proxy LISTEN UPSTREAM [FOLDER]")
	}
	upstream := &url.URL{Scheme: "http", Host: "127.0.0.1:" + os.Args[2]}
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	proxy.FlushInterval = -1 // each read is one write: streams are not held back
	proxy.Transport = &http.Transport{MaxIdleConns: 2048, MaxIdleConnsPerHost: 2048, DisableCompression: true}
	var handler http.Handler = proxy
	if len(os.Args) > 3 {
		handler = keeping(proxy, os.Args[3])
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], handler))
}

type fileKey struct{}

func keeping(proxy *httputil.ReverseProxy, folder string) http.Handler {
	var count atomic.Int64
	proxy.ModifyResponse = func(response *http.Response) error {
		file := response.Request.Context().Value(fileKey{}).(*os.File)
		fmt.Fprintf(file, "\r\n%s %s\r\n", response.Proto, response.Status)
		response.Header.Write(file)
		fmt.Fprint(file, "\r\n")
		response.Body = Tee{io.TeeReader(response.Body, file), response.Body}
		return nil
	}
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%d.http", count.Add(1))))
		if err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
		defer file.Close()
		fmt.Fprintf(file, "%s %s %s\r\n", request.Method, request.URL, request.Proto)
		request.Header.Write(file)
		fmt.Fprint(file, "\r\n")
		request.Body = Tee{io.TeeReader(request.Body, file), request.Body}
		proxy.ServeHTTP(writer, request.WithContext(context.WithValue(request.Context(), fileKey{}, file)))
	})
}
