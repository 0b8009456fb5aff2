import { Secret, TextList } from '../common/fields.js';

export class OwnPasswordInput {
  @Secret({ description: 'The own password, once more.' }) password!: string;
}

export class TotpCodeInput {
  @Secret({ max: 40, description: 'What the authenticator app shows now.', example: '287082' }) code!: string;
}

export class TotpSecretDto {
  @Secret({ description: 'Base 32, to be typed where the picture cannot be scanned.' }) secret!: string;
  @Secret({ description: 'What the picture holds: `otpauth://totp/…`.' }) otpauthUrl!: string;
  @Secret({ max: 100_000, description: 'The address as a QR code: an SVG document.' }) qrSvg!: string;
}

export class RecoveryCodesDto {
  @TextList({
    maxItems: 10,
    maxLength: 19,
    description: 'Each is good for one sign-in in place of a code. Shown once.',
    example: ['01ab-cd23-efgh-jkmn'],
  })
  recoveryCodes!: string[];
}
