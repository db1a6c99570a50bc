export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <path class="road" d="M3 11h26" />
      <path class="arch" d="M5 23v-4a5.5 5.5 0 0 1 11 0v4m0-4a5.5 5.5 0 0 1 11 0v4" />
    </svg>
  );
}
