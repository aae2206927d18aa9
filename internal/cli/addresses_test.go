package cli

// The addresses of a server as its clients know them.
const (
	accountPath        = "/account/application-passwords"
	profilePath        = "/account/profile"
	authorizePath      = "/authorize"
	signInPath         = "/sign-in"
	signOutPath        = "/sign-out"
	confirmPath        = "/confirm-password"
	alivePath          = "/healthz"
	readyPath          = "/readyz"
	changePasswordPath = "/.well-known/change-password"
	wpAuthorizePath    = "/wp-admin/authorize-application.php"
)

// paths are the parts that --url and --prefix put in front of these.
type paths struct{ base, prefix string }

// own is the path of a page or probe of Sparekey, which --prefix moves.
func (p paths) own(path string) string { return p.base + p.prefix + path }

// wordPress is a path that WordPress's clients know, which --prefix does not move.
func (p paths) wordPress(path string) string { return p.base + path }
