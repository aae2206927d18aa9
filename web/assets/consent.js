// The button that gives consent. Without this file it works at once.
(() => {
  'use strict';

  // Consent takes a person who sees the page. A page of another site that has its
  // visitor click twice, and brings this page under the second click, gets none: the
  // button waits until the page has been in front for half a second without a break,
  // and a mouse has to move first. A finger or a key does that by itself, unless the
  // key was held down since the page before. What assistive technology sends comes
  // with none of these, and not from a mouse either (detail is 0).
  const guard = (button) => {
    const wait = 500; // milliseconds
    let timer;
    let moved = false;
    const enable = () => {
      delete button.dataset.waiting;
      button.disabled = false;
    };
    const arm = () => {
      clearTimeout(timer);
      button.dataset.waiting = '';
      button.disabled = button !== document.activeElement; // which would lose the focus
      if (document.visibilityState === 'visible') timer = setTimeout(enable, wait);
    };
    const restart = () => {
      moved = false;
      arm();
    };
    document.addEventListener('visibilitychange', restart);
    addEventListener('focus', restart); // of the window: another one was before it
    addEventListener('pageshow', (event) => { if (event.persisted) restart(); });
    for (const kind of ['pointermove', 'touchstart']) {
      addEventListener(kind, (event) => { moved ||= event.isTrusted; }, { capture: true, passive: true });
    }
    addEventListener('pointerdown', (event) => {
      moved ||= event.isTrusted && event.pointerType !== 'mouse';
    }, { capture: true, passive: true });
    addEventListener('keydown', (event) => {
      if (event.repeat && !moved) event.preventDefault();
      else moved ||= event.isTrusted;
    }, { capture: true });
    button.addEventListener('click', (event) => {
      if (!('waiting' in button.dataset) && event.isTrusted && (moved || event.detail === 0)) return;
      event.preventDefault();
      arm();
      moved = event.isTrusted; // a second click, half a second later, is meant
    });
    arm();
  };
  for (const button of document.querySelectorAll('button[data-guarded]')) guard(button);
})();
