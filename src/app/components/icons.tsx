import type { ReactNode } from 'react';

function icon(paths: ReactNode) {
  return function Icon() {
    return (
      <svg
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.9"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
      >
        {paths}
      </svg>
    );
  };
}

export const HomeIcon = icon(<path d="M4 11.500 12 4l8 7.500V20h-5.500v-5h-5v5H4z" />);
export const FarmIcon = icon(
  <>
    <path d="M12 20v-8" />
    <path d="M12 12c0-4.500 2.500-7 7.500-7.500C19.500 9.500 17 12 12 12Z" />
    <path d="M12 14.500c0-3.500-2-5.500-6.500-6 0 4 2.500 6 6.500 6Z" />
    <path d="M5 20h14" />
  </>,
);
export const ChainIcon = icon(
  <>
    <rect x="3.500" y="8.500" width="7" height="7" rx="2" />
    <rect x="13.500" y="8.500" width="7" height="7" rx="2" />
    <path d="M10.500 12h3" />
  </>,
);
export const SettingsIcon = icon(
  <>
    <path d="M4 7h9M17 7h3M4 17h3M11 17h9" />
    <circle cx="15" cy="7" r="2" />
    <circle cx="9" cy="17" r="2" />
  </>,
);
export const ShieldIcon = icon(
  <>
    <path d="M12 3.500 19 6v5.500c0 4.500-3 7.500-7 9-4-1.500-7-4.500-7-9V6z" />
    <path d="m9 12 2.200 2.200L15.200 10" />
  </>,
);
export const SpeechIcon = icon(<path d="M5 5h14v10h-8l-4 4v-4H5z" />);
export const ObjectsIcon = icon(
  <>
    <path d="M6 3.500h8l4 4v13H6z" />
    <path d="M14 3.500v4h4M9 12.500h6M9 16h6" />
  </>,
);
export const WalletIcon = icon(
  <>
    <path d="M4 7.500h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2z" />
    <path d="M4 7.500 15 4v3.500M16 13.500h1" />
  </>,
);
export const PersonIcon = icon(
  <>
    <circle cx="12" cy="8" r="3.500" />
    <path d="M5 20c.7-3.800 3.300-6 7-6s6.300 2.200 7 6" />
  </>,
);
export const KeyIcon = icon(
  <>
    <circle cx="8" cy="15" r="4" />
    <path d="m11 12 8-8M15.500 7.500l3 3" />
  </>,
);
export const CheckIcon = icon(<path d="m5 12.500 4.500 4.500L19 7.500" />);
