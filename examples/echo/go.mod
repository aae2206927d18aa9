module github.com/sparekey-dev/sparekey/examples/echo

go 1.26.0

replace github.com/sparekey-dev/sparekey => ../..

require (
	github.com/labstack/echo/v4 v4.16.4
	github.com/sparekey-dev/sparekey v0.0.0-00010101000000-000000000000
)

require (
	github.com/go-crypt/x v0.4.17 // indirect
	github.com/labstack/gommon v0.5.0 // indirect
	github.com/mattn/go-colorable v0.1.15 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasttemplate v1.2.2 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.61.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.44.0 // indirect
)
