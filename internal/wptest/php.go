package wptest

import (
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
)

// PHP runs code with WordPress loaded and returns what it prints. The arguments
// are in $args.
func (s *Site) PHP(tb testing.TB, code string, args ...string) string {
	tb.Helper()
	text, err := s.TryPHP(tb, code, args...)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// TryPHP is PHP for goroutines that must not end the test.
func (s *Site) TryPHP(tb testing.TB, code string, args ...string) (string, error) {
	load := "$args = array_slice($argv, 1); $_SERVER['HTTP_HOST'] = " + phpString(s.addr()) + "; $_SERVER['REQUEST_URI'] = '/'; require " + phpString(filepath.Join(s.root(), "wp-load.php")) + ";"
	return output(s.command(tb, append([]string{"-r", load + code, "--"}, args...)...))
}

// CreatePassword makes an application password with WordPress's own function and
// returns its secret and UUID.
func (s *Site) CreatePassword(tb testing.TB, login, name string) (secret, uuid string) {
	tb.Helper()
	text := s.PHP(tb, `
		$user = get_user_by( 'login', $args[0] );
		$made = WP_Application_Passwords::create_new_application_password( $user->ID, array( 'name' => wp_slash( $args[1] ) ) );
		if ( is_wp_error( $made ) ) { fwrite( STDERR, $made->get_error_message() ); exit( 1 ); }
		echo wp_json_encode( array( $made[0], $made[1]['uuid'] ) );`, login, name)
	var made [2]string
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return made[0], made[1]
}

// AddUser makes a user with WordPress's own function. The main password is the
// login with -pass-1 after it, the display name is the login.
func (s *Site) AddUser(tb testing.TB, login, role string) User {
	tb.Helper()
	u := User{Login: login, Email: login + "@example.com", Password: login + "-pass-1", Role: role}
	text := s.PHP(tb, `
		$id = wp_insert_user( wp_slash( array( 'user_login' => $args[0], 'user_email' => $args[1], 'user_pass' => $args[2],
			'role' => $args[3], 'display_name' => $args[0] ) ) );
		if ( is_wp_error( $id ) ) { fwrite( STDERR, $id->get_error_message() ); exit( 1 ); }
		echo wp_json_encode( $id );`, u.Login, u.Email, u.Password, u.Role)
	if err := json.Unmarshal([]byte(text), &u.ID); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	s.Users[login] = u
	return u
}

func (s *Site) command(tb testing.TB, args ...string) *exec.Cmd {
	return exec.CommandContext(tb.Context(), s.php, append([]string{"-d", "display_errors=stderr", "-d", "memory_limit=512M"}, args...)...)
}

func run(tb testing.TB, cmd *exec.Cmd) string {
	tb.Helper()
	text, err := output(cmd)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func output(cmd *exec.Cmd) (string, error) {
	text, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", errors.Join(err, errors.New(string(failed.Stderr)+string(text)))
	}
	return string(text), err
}
